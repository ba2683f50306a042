// The claim of this server on an upload, where several servers share its record: what only one may do is done under it. On the only server nothing of this costs anything.
import { HoldfastError } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { keepClaim } from "./host-keep.ts";
import { type NeedOf, type OnHeld, takeClaim } from "./host-take.ts";
import type { UploadRecord } from "./records.ts";
import { refresh } from "./refresh.ts";
import type { Upload } from "./upload.ts";

/** Requests of one server share it: among themselves they have claims of their own (`claims.ts`). */
export interface HostClaim {
  readonly token: number;
  /** Requests that need it. */
  users: number;
  /** `lost` as soon as another may have it; `leaving` once nobody needs it. Either way it is over for whoever comes. */
  stage: "held" | "lost" | "leaving";
  /** Resolves when the record says that it was let go, or that could not be written. */
  readonly ended: Promise<void>;
  /** Lets it go. */
  readonly end: () => Promise<void>;
}

/**
 * Runs `work` while this server has the claim of the upload; without it where by the record none is needed. Either way the upload is as its record says then.
 * A claim that another server holds is asked for, and taken from one that does not answer.
 *
 * @throws HoldfastError `upload_not_found`, `shutting_down`, and what the store throws.
 */
export async function underClaim<T>(
  context: Context,
  upload: Upload,
  needOf: NeedOf<"wanted" | "none">,
  work: () => Promise<T>,
): Promise<T> {
  if (context.host === undefined) return work();
  for (;;) {
    const claim = await obtain(context, upload, needOf);
    if (claim) return use(context, upload, claim, work);
    await refresh(context, upload);
    if (needOf(upload.record) === "none") return work();
  }
}

/** Runs `work` only with the claim; resolves with undefined where it is not to be had, or not needed. */
export async function ifClaimed<T>(
  context: Context,
  upload: Upload,
  needOf: NeedOf,
  work: () => Promise<T>,
  onHeld?: OnHeld,
): Promise<T | undefined> {
  if (context.host === undefined) return work();
  const claim = await obtain(context, upload, needOf, onHeld);
  return claim && (await use(context, upload, claim, work));
}

/** For what may as well be done later: not while a server that is alive has the claim. */
export const ifFree: NeedOf = () => "free";

/** For what is done to uploads that take bytes, and to no other. */
export function whileOpen({ state }: UploadRecord): "wanted" | "none" {
  return state === "open" ? "wanted" : "none";
}

/** What makes a change conditional on the claim that it is made under. */
export function tokenOf(
  { host }: Pick<Context, "host">,
  { held }: Upload,
): { readonly token?: number } {
  if (host === undefined) return {};
  if (!held) throw new HoldfastError("internal", "this needs the claim of the upload");
  return { token: held.token };
}

async function obtain(
  context: Context,
  upload: Upload,
  needOf: NeedOf,
  onHeld?: OnHeld,
): Promise<HostClaim | undefined> {
  for (;;) {
    const { held, taking } = upload;
    if (held?.stage === "held") {
      held.users++;
      return held;
    }
    if (held) await held.ended;
    else if (taking) await taking.catch(() => undefined);
    else return takeOne(context, upload, needOf, onHeld);
  }
}

/** One request at a time asks for it; the others have it then, too. */
async function takeOne(
  context: Context,
  upload: Upload,
  needOf: NeedOf,
  onHeld?: OnHeld,
): Promise<HostClaim | undefined> {
  const taking = takeAndLook(context, upload, needOf, onHeld);
  upload.taking = taking;
  try {
    return await taking;
  } finally {
    delete upload.taking;
  }
}

async function takeAndLook(
  context: Context,
  upload: Upload,
  needOf: NeedOf,
  onHeld?: OnHeld,
): Promise<HostClaim | undefined> {
  const taken = await takeClaim(context, upload, needOf, onHeld);
  if (!taken) return undefined;
  const claim = keepClaim(context, upload, taken);
  upload.held = claim;
  try {
    await refresh(context, upload);
    return claim;
  } catch (error) {
    leave(context, upload, claim);
    throw error;
  }
}

async function use<T>(
  context: Context,
  upload: Upload,
  claim: HostClaim,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } finally {
    leave(context, upload, claim);
  }
}

/** Who needed it last lets it go, beside its answer: a shutdown waits for that. */
function leave(context: Context, upload: Upload, claim: HostClaim): void {
  claim.users--;
  if (claim.users > 0) return;
  const leaving = claim.end().finally(() => {
    if (upload.held === claim) delete upload.held;
    context.work.delete(leaving);
  });
  context.work.add(leaving);
}
