// Keeping a claim: renewed while somebody needs it, given up at the next safe point when another server wants it, and not relied on once it may be another's.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { appending, stopAppends } from "./claims.ts";
import type { Context } from "./context.ts";
import type { HostClaim } from "./host-claim.ts";
import { LIFE_MS, type TakenClaim } from "./host-take.ts";
import type { Upload } from "./upload.ts";

/** The holder looks this often whether it is wanted, in milliseconds. */
const LOOK_MS = 1000;
const RENEW_MS = 5000;

/** A claim that was taken, with one who needs it. */
export function keepClaim(context: Context, upload: Upload, taken: TakenClaim): HostClaim {
  const { clock, metadata, log, host } = context;
  const { id } = upload.record;
  const { token } = taken;
  const { promise: ended, resolve: tellEnded } = Promise.withResolvers<void>();
  let renewedAt = taken.at;
  let callOffLook = clock.after(LOOK_MS, look);
  let callOffEnd = clock.after(leftOf(taken.at), lose);

  function leftOf(since: number): number {
    return Math.max(0, since + LIFE_MS - clock.monotonic());
  }

  function look(): void {
    keep()
      .catch((cause: unknown) => {
        // Whether it can be renewed in time is seen at its end.
        log("warn", "claim.not-renewed", { upload: id, cause });
      })
      .finally(() => {
        if (claim.stage === "held") callOffLook = clock.after(LOOK_MS, look);
      });
  }

  async function keep(): Promise<void> {
    const at = clock.monotonic();
    if (at - renewedAt >= RENEW_MS) await renew(at);
    const record = await metadata.upload(id);
    const { claim: stands } = record ?? {};
    // One that somebody else has let go is nobody's, and so not ours.
    if (stands?.token !== token || stands.holder !== host) lose();
    else if (stands.isWanted && claim.stage === "held") giveUp();
  }

  async function renew(at: number): Promise<void> {
    try {
      await metadata.apply({ kind: "renew", id, token, lifeMs: LIFE_MS });
    } catch (error) {
      if (isHoldfastError(error) && error.code === "claim_lost") return lose();
      throw error;
    }
    renewedAt = at;
    callOffEnd();
    if (claim.stage === "held") callOffEnd = clock.after(leftOf(at), lose);
  }

  /** What has come is committed, and then nobody here needs it any more. */
  function giveUp(): void {
    log("info", "claim.wanted", { upload: id, token });
    stopAppends(upload, appending());
    upload.proving?.abort(lost());
  }

  /** Another may have it: nothing more is read. What is still on its way to the record is refused there, if another has it. */
  function lose(): void {
    if (claim.stage !== "held") return;
    claim.stage = "lost";
    stop();
    log("warn", "claim.lost", { upload: id, token });
    stopAppends(upload, lost());
    upload.proving?.abort(lost());
  }

  function stop(): void {
    callOffLook();
    callOffEnd();
  }

  const claim: HostClaim = {
    ...{ token, users: 1, stage: "held", ended },
    async end() {
      claim.stage = "leaving";
      stop();
      await metadata.apply({ kind: "release", id, token }).catch((cause: unknown) => {
        const isGone = isHoldfastError(cause) && cause.code === "upload_not_found";
        if (!isGone) log("warn", "claim.not-released", { upload: id, token, cause });
      });
      tellEnded();
    },
  };
  return claim;
}

function lost(): HoldfastError {
  return new HoldfastError("claim_lost");
}
