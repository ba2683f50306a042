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
import { createNoBody } from "./no-body.ts";
import type { Body } from "./ports.ts";
import { requireTold } from "./told.ts";
import { offsetOf, type Upload } from "./upload.ts";

/** A request that has had no byte for this long may be taken over by another. */
const QUIET_MS = 2000;
/** Seconds after which a refused request may try again. */
const RETRY_AFTER_S = 2;

/** The right of one request to write some parts. It ends when every write and flush issued under it has settled, never by a timer: a pwrite cannot be called back. */
export type Claim = RunClaim | AppendClaim;

export interface RunClaim extends Held {
  readonly kind: "run";
  /** The parts of the run that were not committed when it was taken. */
  readonly parts: ReadonlySet<number>;
}

export interface AppendClaim extends Held {
  readonly kind: "append";
  /** From the part at the offset up to the one behind the last that the body can reach. */
  readonly parts: PartRange;
}

interface Held {
  readonly body: Body;
  readonly transfer: string | undefined;
  /** Resolves when the claim has ended. */
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** What a claim of parts is asked for. */
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
): Promise<RunClaim | undefined> {
  for (;;) {
    requireNotEnded(upload);
    await upload.fixing?.catch(() => undefined);
    const needed = neededParts(upload, request);
    if (needed.size === 0) return undefined;
    requireOpen(upload);
    if (context.isOverdue) throw new HoldfastError("shutting_down");
    const holders = [...upload.claims].filter((claim) => overlaps(claim, needed));
    if (holders.length === 0) return hold(upload, { kind: "run", parts: needed }, request);
    await takeOver(context, holders, request);
  }
}

/**
 * Takes a claim on parts that came without us, so that no append begins in one of them while they are committed; perhaps after ending an append that is
 * silent. Whoever brings them through us brings the same bytes.
 *
 * @throws HoldfastError `append_in_progress` where appends have begun one of them: who brought it is not known to bring the same bytes. `upload_not_open`, `recovering`.
 */
export async function claimStored(
  context: Context,
  upload: Upload,
  indexes: ReadonlySet<number>,
): Promise<RunClaim> {
  const request = { body: createNoBody() };
  for (;;) {
    requireOpen(upload);
    const appends = [...upload.claims].filter(
      (claim) => isAppend(claim) && overlaps(claim, indexes),
    );
    if (appends.length === 0) break;
    await takeOver(context, appends, {});
  }
  for (const index of indexes) {
    if (upload.record.tail?.index === index) throw begun(index);
  }
  return hold(upload, { kind: "run", parts: indexes }, request);
}

/** Its beginning is compared where it comes through us. */
function begun(index: number): HoldfastError {
  const message = `appends have begun part ${index}: it can only come through this server`;
  return new HoldfastError("append_in_progress", message, { index, retryAfter: RETRY_AFTER_S });
}

/** What the claim of an append is asked for. */
export interface AppendRequest {
  /** Where its bytes begin: at the offset, or (`start`) all of them come. */
  readonly at: number | "start";
  readonly isLast: boolean;
  readonly completes?: "at-size";
  readonly body: Body;
  readonly bodySize?: number;
  readonly transfer?: string;
}

/**
 * Takes the claim of an append, after ending one that is in flight: of those that append to an upload the newest wins.
 *
 * Undefined where the upload has got its last byte already and the request says no more than that.
 *
 * @throws HoldfastError `offset_mismatch` with `details.offset`, durably told; `append_in_progress` if a newer request came meanwhile; `part_busy` if
 * another request that is alive writes a part that this one would reach; `upload_not_open`, `upload_ended`, `recovering` as for parts.
 */
export async function claimAppend(
  context: Context,
  upload: Upload,
  request: AppendRequest,
): Promise<AppendClaim | undefined> {
  const turn = await endAppends(upload);
  for (;;) {
    await upload.fixing?.catch(() => undefined);
    if (upload.appendTurn !== turn) throw appending();
    requireNotEnded(upload);
    if (isComparison(upload, request))
      return hold(upload, { kind: "append", parts: [0, 0] }, request);
    if (isRepeatedEnd(upload, request)) return undefined;
    requireTaking(upload);
    if (context.isOverdue) throw new HoldfastError("shutting_down");
    if (request.at !== "start" && request.at !== offsetOf(upload)) {
      await requireTold(context, upload);
      const offset = offsetOf(upload);
      if (request.at === offset) continue;
      throw new HoldfastError("offset_mismatch", `the upload ends at ${offset}`, { offset });
    }
    const parts = reachOf(upload, request);
    const holders = [...upload.claims].filter((claim) => !isOutside(claim, parts));
    if (holders.length === 0) return hold(upload, { kind: "append", parts }, request);
    await takeOver(context, holders, request);
  }
}

/** The claim on all of a final, which is `completing` and so nobody else's. */
export function holdFinal(upload: Upload, body: Body): AppendClaim {
  return hold(upload, { kind: "append", parts: [0, Number.POSITIVE_INFINITY] }, { body });
}

/** Ends the append in flight, if there is one: resolves when what came of it is committed. No offset that is told after that is overtaken by it. */
export async function endAppends(upload: Upload): Promise<number> {
  upload.appendTurn++;
  const turn = upload.appendTurn;
  await endClaims([...upload.claims].filter(isAppend), appending());
  return turn;
}

/** Appends read no further: what came is committed, and each is answered with `why`. */
export function stopAppends(upload: Upload, why: HoldfastError): void {
  for (const claim of upload.claims) if (isAppend(claim)) claim.body.stop(why);
}

function isAppend(claim: Claim): boolean {
  return claim.kind === "append";
}

/** The upload is a file, and all of its bytes come once more: they are compared, and nothing is written. */
function isComparison({ record }: Upload, { at, isLast }: AppendRequest): boolean {
  return record.state === "complete" && isLast && at === "start";
}

/** The answer to the last append was lost: asking again says the same. */
function isRepeatedEnd(
  { record }: Upload,
  { at, isLast, completes, bodySize }: AppendRequest,
): boolean {
  if (record.state !== "complete" && record.state !== "completing") return false;
  return (
    (isLast || completes !== undefined) &&
    (at === "start" || (at === record.size && bodySize === 0))
  );
}

/** The parts that the body of an append may touch. One that may fix the size keeps everybody from what is behind it. */
function reachOf({ record }: Upload, { at, isLast, bodySize }: AppendRequest): PartRange {
  const { partSize } = record;
  const start = at === "start" ? 0 : at;
  const isBounded = bodySize !== undefined && !isLast;
  const end = isBounded ? Math.ceil((start + bodySize) / partSize) : Number.POSITIVE_INFINITY;
  return [Math.floor(start / partSize), end];
}

/** Whether a claim lies wholly outside a range of parts. */
function isOutside(claim: Claim, [start, end]: PartRange): boolean {
  if (claim.kind === "append") return claim.parts[1] <= start || claim.parts[0] >= end;
  for (const index of claim.parts) if (index >= start && index < end) return false;
  return true;
}

/** Whether a claim has no part from `index` on. */
export function endsBefore(claim: Claim, index: number): boolean {
  return isOutside(claim, [index, Number.POSITIVE_INFINITY]);
}

/**
 * Ends requests that are silent, or belong to the same transfer; resolves when all that they had issued has settled.
 * @throws HoldfastError `part_busy`, `append_in_progress` where one of them is alive and somebody else's.
 */
export async function takeOver(
  context: Context,
  holders: readonly Claim[],
  request: { readonly transfer?: string | undefined },
): Promise<void> {
  for (const holder of holders) {
    if (!canTakeOver(context, holder, request)) throw refusalBy(holder);
  }
  await endClaims(holders, busy());
}

/** The parts of the run that are not committed. */
function neededParts(upload: Upload, { run: [start, end], digests }: ClaimRequest): Set<number> {
  const needed = new Set<number>();
  for (let index = start; index < end; index++) {
    if (hasPart(upload.bound, index)) requireSameDigest(upload, index, digests[index - start]);
    if (!hasPart(upload.committed, index)) needed.add(index);
  }
  return needed;
}

/**
 * For a part that is committed, or bound to a digest that no bytes may ever have.
 * @throws HoldfastError `part_conflict` where that is another one.
 */
export function requireSameDigest(
  upload: Upload,
  index: number,
  digest: Uint8Array | undefined,
): void {
  const known = digestOf(upload, index);
  if (digest && equalBytes(known, digest)) return;
  const isCommitted = hasPart(upload.committed, index);
  const message = `part ${index} is ${isCommitted ? "committed with" : "bound to"} another digest`;
  const told = encodeBase64(known);
  const details = isCommitted ? { committed: told } : { committed: false, bound: told };
  throw new HoldfastError("part_conflict", message, { index, ...details });
}

export function digestOf(upload: Upload, index: number): Uint8Array {
  return upload.digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

/** @throws HoldfastError `upload_not_open`, `recovering` */
export function requireOpen({ record: { state }, healing }: Upload): void {
  if (state !== "open") throw new HoldfastError("upload_not_open", undefined, { state });
  if (healing) throw recovering();
}

/** As `requireOpen`, for who goes by offsets: where the whole is there, it says how much that is. */
function requireTaking(upload: Upload): void {
  const { state, size: offset } = upload.record;
  if (state === "complete" || state === "completing") {
    throw new HoldfastError("upload_not_open", undefined, { state, offset });
  }
  requireOpen(upload);
}

function overlaps(claim: Claim, needed: ReadonlySet<number>): boolean {
  return [...needed].some((index) => !isOutside(claim, [index, index + 1]));
}

function canTakeOver(
  context: Context,
  holder: Claim,
  { transfer }: { readonly transfer?: string | undefined },
): boolean {
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

export function appending(): HoldfastError {
  return new HoldfastError("append_in_progress", undefined, { retryAfter: RETRY_AFTER_S });
}

/** What a request hears that needs what this claim holds. */
function refusalBy(claim: Claim): HoldfastError {
  return claim.kind === "append" ? appending() : busy();
}

type Region = Pick<RunClaim, "kind" | "parts"> | Pick<AppendClaim, "kind" | "parts">;

function hold<R extends Region>(
  upload: Upload,
  region: R,
  { body, transfer }: { readonly body: Body; readonly transfer?: string },
): R & Held {
  const { promise, resolve } = Promise.withResolvers<void>();
  const claim: R & Held = {
    ...region,
    body,
    transfer,
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
