// When what an answer is about was durable, by the system calls before it; or why it was not.
import type { Answer } from "./answers.ts";
import { type Call, extentOf, openedPath, targetOf } from "./strace.ts";

/** The grid of the uploads in a trace, and where their bytes and records lie. Sizes in bytes. */
export interface TraceSubject {
  readonly partSize: number;
  readonly size: number;
  /** Whether a path holds the bytes of an upload, or its manifest. */
  readonly isBytes: (path: string, uploadId: string) => boolean;
  readonly isManifest: (path: string, uploadId: string) => boolean;
  readonly isJournal: (path: string) => boolean;
  /** True where one request at a time was sent: then no record may be written between a request and the flush of its bytes. */
  readonly isSequential: boolean;
}

export interface Case {
  readonly subject: TraceSubject;
  readonly answer: Answer;
  /** What had ended well when the answer went out. */
  readonly before: readonly Call[];
}

/** A moment, or what is missing. */
export type Durable = number | string;

export const FLUSHES: ReadonlySet<string> = new Set(["fdatasync", "fsync"]);
const POSITIONAL: ReadonlySet<string> = new Set(["pwrite64", "pwritev", "pwritev2"]);
export const WRITES: ReadonlySet<string> = new Set([...POSITIONAL, "write", "writev"]);

const NOT_WRITTEN = "its bytes were not all written";
const NOT_NAMED = "its file's directory entry was not";

export function last(...moments: readonly Durable[]): Durable {
  return moments.reduce((a, b) =>
    typeof a === "string" ? a : typeof b === "string" ? b : Math.max(a, b),
  );
}

/** The parts of a run, each byte of them. */
export function durableParts(one: Case): Durable {
  const { subject, answer } = one;
  if (answer.kind !== "parts") return "it brought no parts";
  const [first, end] = answer.parts;
  const start = first * subject.partSize;
  const stop = Math.min((end + 1) * subject.partSize, subject.size);
  const writes = writesTo(one, isBytes).filter((call) => isWithin(call, start, stop));
  return coversAll(writes, start, stop) ? durableWrites(one, writes) : NOT_WRITTEN;
}

/** Everything that was written since it was asked for. A file without a byte has a name only. */
export function durableSince(one: Case): Durable {
  const { answer } = one;
  const writes = writesTo(one, isBytes).filter((call) => call.begin >= answer.askedAt);
  const written = Math.max(0, ...writes.map((call) => extentOf(call).end));
  const isAll = answer.kind === "file" ? written >= answer.size : written > 0;
  return isAll ? durableWrites(one, writes) : NOT_WRITTEN;
}

/** Writes to the bytes, the flush after each of them, and that of the name. */
function durableWrites(one: Case, writes: readonly Call[]): Durable {
  const made = creation(one, isBytes);
  const isNew = one.answer.kind === "file";
  if (isNew && !made) return "its file was not made";
  const flushes = flushesOf(one, isBytes);
  // Opened so, a write is its own flush. A file without a byte is flushed after it was made.
  const changes = writes.length > 0 ? writes : made ? [made] : [];
  const isFlush = writes.length > 0 && made?.args.includes("O_DSYNC");
  const flushed = changes.map((change) => (isFlush ? change : firstAfter(flushes, change.end)));
  const moments = flushed.map((flush) => flush?.end ?? "its bytes were not flushed");
  return last(...moments, ...(made ? [durableName(one, made, NOT_NAMED)] : []));
}

/** The bytes are flushed after the last cut, or the last write where nothing is cut off. */
export function durableSeal(one: Case): Durable {
  const ends = [...writesTo(one, isBytes), ...cutsOf(one, isBytes)].map(({ end }) => end);
  const flush = firstAfter(flushesOf(one, isBytes), Math.max(...ends));
  return flush?.end ?? "its bytes were not flushed after they were cut";
}

export function hasManifest(one: Case): boolean {
  return creation(one, isManifest) !== undefined;
}

/** Made, written, cut, flushed, and its name. */
export function durableManifest(one: Case): Durable {
  const made = creation(one, isManifest);
  const writes = writesTo(one, isManifest);
  if (!made || writes.length === 0) return "it has no manifest";
  const ends = [...writes, ...cutsOf(one, isManifest)].map(({ end }) => end);
  const flush = firstAfter(flushesOf(one, isManifest), Math.max(...ends));
  if (!flush) return "its manifest was not flushed after it was written";
  return last(flush.end, durableName(one, made, "its manifest's directory entry was not"));
}

/** The first flush of the directory after a file was made in it. */
function durableName({ before }: Case, made: Call, why: string): Durable {
  const directory = openedPath(made).replace(/\/[^/]*$/, "");
  const flushes = before.filter((call) => FLUSHES.has(call.name) && targetOf(call) === directory);
  return firstAfter(flushes, made.end)?.end ?? why;
}

type IsOurs = (one: Case, path: string) => boolean;

function isBytes({ subject, answer: { uploadId } }: Case, path: string): boolean {
  return uploadId !== undefined && subject.isBytes(path, uploadId);
}

function isManifest({ subject, answer: { uploadId } }: Case, path: string): boolean {
  return uploadId !== undefined && subject.isManifest(path, uploadId);
}

function creation(one: Case, isOurs: IsOurs): Call | undefined {
  return one.before.find((call) => call.args.includes("O_CREAT") && isOurs(one, openedPath(call)));
}

function writesTo(one: Case, isOurs: IsOurs): readonly Call[] {
  return one.before.filter((call) => POSITIONAL.has(call.name) && isOurs(one, targetOf(call)));
}

function cutsOf(one: Case, isOurs: IsOurs): readonly Call[] {
  return one.before.filter((call) => call.name === "ftruncate" && isOurs(one, targetOf(call)));
}

function flushesOf(one: Case, isOurs: IsOurs): readonly Call[] {
  return one.before.filter((call) => FLUSHES.has(call.name) && isOurs(one, targetOf(call)));
}

export function isFailed(call: Call): boolean {
  return call.result.startsWith("-1") || call.result.startsWith("?");
}

function isWithin(call: Call, start: number, end: number): boolean {
  const extent = extentOf(call);
  return extent.start < end && extent.end > start;
}

function coversAll(writes: readonly Call[], start: number, end: number): boolean {
  const extents = writes.map(extentOf).sort((a, b) => a.start - b.start);
  let reached = start;
  for (const extent of extents) {
    if (extent.start > reached) return false;
    reached = Math.max(reached, extent.end);
  }
  return reached >= end;
}

/** Of the calls that began at or after a moment, the one that ended first. */
export function firstAfter(calls: readonly Call[], moment: number): Call | undefined {
  return calls
    .filter((call) => call.begin >= moment)
    .reduce<Call | undefined>((a, b) => (a && a.end <= b.end ? a : b), undefined);
}
