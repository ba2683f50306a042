// A small file in one request: bytes, name and metadata go together, so that it costs one answer instead of three.
import {
  decodeStoredFile,
  type ErrorCode,
  encodeDigest,
  encodeDisposition,
  encodeHex,
  encodeMetadataField,
  HoldfastError,
  KIB,
  toHoldfastError,
} from "@holdfast/protocol";
import { checkpointKey } from "./checkpoint.ts";
import { noteDigest } from "./digest-table.ts";
import { parseJson } from "./parse-json.ts";
import type { Body } from "./ports.ts";
import { isTooLarge } from "./retry.ts";
import { type Piece, readPiece } from "./source-piece.ts";
import type { Answer } from "./state.ts";
import { choicesOf, finish, type Job, openedOf } from "./upload-job.ts";
import { checkpointOf, newTarget, otherUpload, requireSize, tellCreated } from "./upload-target.ts";
import type { WireAnswer } from "./wire.ts";
import type { Call } from "./work.ts";

/** A cut costs all of it: no more than the smallest part there can be, in bytes. The server stores as much in one step. */
const SMALL: number = 256 * KIB;
/** Proxies take header fields of 8 KiB, all of them together. */
const FIELD_MAX: number = 4 * KIB;

/** Refusals of the request as such: an upload with parts may go through all the same. */
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  ...(["route_not_found", "file_not_found", "method_not_allowed"] as const),
  "headers_too_large",
  // The key has led to an upload that a slow first try began and that has ended, or to something else altogether.
  ...(["idempotency_conflict", "upload_ended"] as const),
]);

type Stored = ReturnType<typeof decodeStoredFile>;

/**
 * Stores the source as a file, or resolves with undefined where it is not a small one, or where that cannot be done here.
 *
 * The same again is the same file, also in another process after a crash: the key is made of everything that makes it this file. So there need be no checkpoint
 * before the request.
 */
export async function storeSmall(job: Job, call: Call): Promise<Answer | undefined> {
  const field = encodeMetadataField(job.options.metadata ?? new Map());
  if (!isSmall(job) || field.length > FIELD_MAX) return undefined;
  const { source } = openedOf(job);
  const { size } = source.fingerprint;
  const room = await job.ports.share.admit(size, call.signal);
  let piece: Piece | undefined;
  try {
    piece = await readPiece(job, 0, size);
    const digest = await job.ports.digester.digest(piece.bytes, "sha-256");
    if (piece.digested()) room.freeMemory();
    const stored = await send(job, call, { body: piece.body, digest, field });
    return await accept(job, stored, digest);
  } catch (error) {
    const met = toHoldfastError(error);
    if (!REFUSED.has(met.code) && !isTooLarge(met)) throw error;
    job.isStoreRefused = true;
    return undefined;
  } finally {
    piece?.giveBack();
    room.leave();
  }
}

/** Whether nothing is asked for that only an upload with parts can have. */
export function isSmall({ options, known, isStoreRefused, opened }: Job): boolean {
  const { partSize, digest = "sha-256", sha256, verify, live, transfer } = options;
  const size = opened?.source.fingerprint.size ?? Infinity;
  const isPlain = partSize === undefined && digest === "sha-256" && live === undefined;
  const isProved = sha256 !== undefined || verify !== undefined;
  const most = Math.min(SMALL, known?.bodyMax ?? SMALL);
  const mayPass = transfer !== "direct";
  return isPlain && mayPass && !isProved && !isStoreRefused && size <= most;
}

interface Content {
  readonly body: Body;
  readonly digest: Uint8Array;
  readonly field: string;
}

async function send(job: Job, call: Call, content: Content): Promise<Stored> {
  try {
    const stored = await ask(job, call, content);
    job.isUnanswered = false;
    return stored;
  } catch (error) {
    const { details } = toHoldfastError(error);
    const isAnswered = details["status"] !== undefined || details["refused"] === true;
    if (!isAnswered) job.isUnanswered = true;
    throw error;
  }
}

async function ask(job: Job, call: Call, { body, digest, field }: Content): Promise<Stored> {
  const { server, source } = openedOf(job);
  const { name = source.name, type = "application/octet-stream", metadata } = job.options;
  return job.wire.send(
    {
      method: "POST",
      url: `${server}/v1/files`,
      headers: {
        "content-type": type,
        "content-disposition": encodeDisposition(name),
        "content-digest": encodeDigest("sha-256", digest),
        "idempotency-key": await keyOf(job, digest),
        ...(metadata && metadata.size > 0 ? { "holdfast-metadata": field } : {}),
      },
      body,
      attempt: call.attempt,
      signal: call.signal,
      onSent: call.onMoved,
    },
    readStored,
  );
}

/** Two machines with the same file at the same place have two: inode and time of change are their own, or else the place is. Who wants it anew gets it anew. */
async function keyOf(
  { ports, options, opened, idempotencyKey }: Job,
  digest: Uint8Array,
): Promise<string> {
  if (options.resume === false || !opened) return `"${idempotencyKey}"`;
  const { server, source } = opened;
  const { size, mtimeMs, ctimeMs, ino } = source.fingerprint;
  const marks = [size, mtimeMs, ctimeMs, ino === 0 ? await ports.place() : ino].map(String);
  const about = [server, source.identity, ...marks, choicesOf(options), encodeHex(digest)];
  return `"${checkpointKey(ports.digester, "file", ...about)}"`;
}

async function readStored(answer: WireAnswer): Promise<Stored> {
  const text = await answer.text();
  try {
    return decodeStoredFile(parseJson(text));
  } catch (cause) {
    throw new HoldfastError("not_holdfast", "the answer is no file", {}, cause);
  }
}

/** It is what was sent if its root is; only then is it told and kept. */
async function accept(job: Job, stored: Stored, digest: Uint8Array): Promise<Answer> {
  const { server } = openedOf(job);
  requireSize(job, stored);
  const grid = { size: stored.size, partSize: stored.partSize };
  if (grid.partSize < grid.size) throw otherUpload();
  job.algorithm = "sha-256";
  job.target = newTarget(server, stored.upload, grid);
  job.unproven = undefined;
  if (grid.size > 0) noteDigest(job.target.digests, 0, digest);
  job.checkpoint = checkpointOf(job, stored.createdAt);
  const file = await finish(job, stored);
  tellCreated(job, false);
  return { kind: "complete", file, stored: grid };
}
