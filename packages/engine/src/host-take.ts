// Taking the claim of an upload from the record: where it is free at once, else from a holder that was asked, or that does not answer.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { Claim, UploadRecord } from "./records.ts";
import type { Upload } from "./upload.ts";

/** How long a claim lasts that nobody renews, by the store's clock. */
export const LIFE_MS = 15_000;
/** How long a holder that is asked for it has to let go. */
const PATIENCE_MS = 3000;
/** Between two looks of who waits. */
const ASK_MS = 100;

/** `wanted`: whoever has it is asked for it. `free`: only if nobody alive has it. `none`: by what the record says now there is nothing to be done under it. */
export type NeedOf<Need extends string = "wanted" | "free" | "none"> = (
  record: UploadRecord,
) => Need;

export interface TakenClaim {
  readonly token: number;
  /** By `Clock.monotonic`, before it was asked for: it lasts from then on at least. */
  readonly at: number;
}

/** Hears in how many milliseconds the claim is free that another server has, if that one does not renew it. */
export type OnHeld = (leftMs: number) => void;

/** @throws HoldfastError `upload_not_found`; `shutting_down`; what the store throws. */
export async function takeClaim(
  context: Context,
  { record: { id } }: Upload,
  needOf: NeedOf,
  onHeld?: OnHeld,
): Promise<TakenClaim | undefined> {
  const { metadata, clock } = context;
  let asked: { readonly token: number; readonly at: number } | undefined;
  for (;;) {
    const record = await metadata.upload(id);
    if (!record) throw new HoldfastError("upload_not_found");
    const need = needOf(record);
    if (need === "none") return undefined;
    const known = await withoutOurs(context, record);
    const { token = 0, holder } = known ?? {};
    const isAsked = asked?.token === token && clock.monotonic() - asked.at < PATIENCE_MS;
    if (holder === undefined || !isAsked) {
      const taken = await tryOnce(context, record, token + 1, need, onHeld);
      if (taken || need === "free") return taken;
    }
    if (holder !== undefined && asked?.token !== token) {
      await metadata.apply({ kind: "want", id, token });
      asked = { token, at: clock.monotonic() };
    }
    if (context.isOverdue) throw new HoldfastError("shutting_down");
    await new Promise<void>((resolve) => clock.after(ASK_MS, resolve));
  }
}

/** One that stands as ours and that nobody here holds: the answer to taking it was lost, or it is just being let go, or an earlier life of this server had it. */
async function withoutOurs(
  { metadata, host, lives = [] }: Context,
  { id, claim }: UploadRecord,
): Promise<Claim | undefined> {
  if (claim?.holder === undefined) return claim;
  if (claim.holder !== host && !lives.includes(claim.holder)) return claim;
  const { token } = claim;
  await metadata.apply({ kind: "release", id, token });
  return { token, isWanted: false };
}

/** Of several that try it with the same token one gets it. */
async function tryOnce(
  { metadata, clock, host = "" }: Context,
  { id }: UploadRecord,
  token: number,
  need: "wanted" | "free",
  onHeld?: OnHeld,
): Promise<TakenClaim | undefined> {
  const at = clock.monotonic();
  const patience = need === "wanted" ? { patienceMs: PATIENCE_MS } : {};
  try {
    const claim = { kind: "claim", id, holder: host, token, lifeMs: LIFE_MS } as const;
    await metadata.apply({ ...claim, ...patience });
    return { token, at };
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== "claim_lost") throw error;
    const { leftMs } = error.details;
    if (typeof leftMs === "number") onHeld?.(leftMs);
    return undefined;
  }
}
