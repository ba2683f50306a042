// Claims: the exclusive right to write regions that are not committed. Claim and committed-check are one step, in this file.
import {
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  HoldfastError,
  hasPart,
  type PartRange,
} from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { Body } from "./ports.ts";
import type { Upload } from "./upload.ts";

/** A request that has had no byte for this long may be taken over by another. */
const QUIET_MS = 2000;
/** Seconds after which a refused request may try again. */
const RETRY_AFTER_S = 2;

/** The right of one request to write some parts. It ends when every write and flush issued under it has settled, never by a timer: a pwrite cannot be called back. */
export interface Claim {
  /** The parts of the run that were not committed when it was taken. */
  readonly parts: ReadonlySet<number>;
  readonly body: Body;
  readonly transfer: string | undefined;
  /** Resolves when the claim has ended. */
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** What a claim is asked for. */
export interface ClaimRequest {
  readonly run: PartRange;
  readonly digests: readonly Uint8Array[];
  readonly body: Body;
  readonly transfer?: string;
}

/**
 * Takes a claim on all parts of the run that are not committed yet, perhaps after ending an older request that holds some of them.
 *
 * Undefined where every part is committed with the same digest already: there is nothing to do.
 *
 * @throws HoldfastError `part_conflict` if a part is committed with another digest; `part_busy` if another request that is alive writes one of them;
 * `upload_not_open`, `upload_ended`, `recovering` if the upload takes no parts.
 */
export async function claimRun(
  context: Context,
  upload: Upload,
  request: ClaimRequest,
): Promise<Claim | undefined> {
  for (;;) {
    requireNotEnded(upload);
    const needed = neededParts(upload, request);
    if (needed.size === 0) return undefined;
    requireOpen(upload);
    if (context.isOverdue) throw new HoldfastError("shutting_down");
    const holders = [...upload.claims].filter((claim) => overlaps(claim.parts, needed));
    if (holders.length === 0) return addClaim(upload, needed, request);
    for (const holder of holders) {
      if (!canTakeOver(context, holder, request)) throw busy();
    }
    await endClaims(holders, busy());
  }
}

/** The parts of the run that are not committed. */
function neededParts(upload: Upload, { run: [start, end], digests }: ClaimRequest): Set<number> {
  const needed = new Set<number>();
  for (let index = start; index < end; index++) {
    if (!hasPart(upload.committed, index)) needed.add(index);
    else requireSameDigest(upload, index, digests[index - start]);
  }
  return needed;
}

/** @throws HoldfastError `part_conflict` where a committed part has another digest. */
export function requireSameDigest(
  upload: Upload,
  index: number,
  digest: Uint8Array | undefined,
): void {
  const committed = digestOf(upload, index);
  if (digest && equalBytes(committed, digest)) return;
  throw new HoldfastError("part_conflict", `part ${index} is committed with another digest`, {
    index,
    committed: encodeBase64(committed),
  });
}

export function digestOf(upload: Upload, index: number): Uint8Array {
  return upload.digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

/** @throws HoldfastError `upload_not_open`, `recovering` */
export function requireOpen({ record: { state }, healing }: Upload): void {
  if (state !== "open") throw new HoldfastError("upload_not_open", undefined, { state });
  if (healing) throw recovering();
}

function overlaps(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  for (const index of a) if (b.has(index)) return true;
  return false;
}

function canTakeOver(context: Context, holder: Claim, { transfer }: ClaimRequest): boolean {
  if (transfer !== undefined && holder.transfer === transfer) return true;
  return context.clock.monotonic() - holder.body.lastByteAt() >= QUIET_MS;
}

/** @throws HoldfastError `upload_ended` once it is aborted, expired or failed. */
export function requireNotEnded({ record: { state } }: Upload): void {
  if (state === "open" || state === "completing" || state === "complete") return;
  throw new HoldfastError("upload_ended", undefined, { state });
}

export function recovering(): HoldfastError {
  return new HoldfastError("recovering", undefined, { retryAfter: RETRY_AFTER_S });
}

function busy(): HoldfastError {
  return new HoldfastError("part_busy", undefined, { retryAfter: RETRY_AFTER_S });
}

function addClaim(upload: Upload, parts: ReadonlySet<number>, request: ClaimRequest): Claim {
  const { promise, resolve } = Promise.withResolvers<void>();
  const claim: Claim = {
    parts,
    body: request.body,
    transfer: request.transfer,
    ended: promise,
    end() {
      upload.claims.delete(claim);
      resolve();
    },
  };
  upload.claims.add(claim);
  return claim;
}

/** Stops the requests that hold these claims and resolves when all that they had issued has settled; whole parts of theirs are committed. */
export async function endClaims(claims: Iterable<Claim>, why: HoldfastError): Promise<void> {
  const ending = [...claims];
  for (const claim of ending) claim.body.stop(why);
  await Promise.all(ending.map((claim) => claim.ended));
}
