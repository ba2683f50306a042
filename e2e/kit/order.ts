// The promise behind a 2xx on bytes, checked on a trace of system calls: data written, data flushed, record flushed, only then the answer.
import { type Call, extentOf, targetOf } from "./strace.ts";

/** The grid of the uploads in a trace, and where their bytes and records lie. Sizes in bytes. */
export interface TraceSubject {
  readonly partSize: number;
  readonly size: number;
  /** Whether a path holds the bytes of an upload. */
  readonly isBytes: (path: string, uploadId: string) => boolean;
  readonly isJournal: (path: string) => boolean;
  /** True where one request at a time was sent: then no record may be written between a request and the flush of its bytes. */
  readonly isSequential: boolean;
}

export interface OrderReport {
  /** 2xx answers on bytes that were found and judged. */
  readonly answers: number;
  readonly violations: readonly string[];
}

interface Answer {
  readonly uploadId: string;
  /** First and last part; undefined of an append, which brought what was written since it was asked for. */
  readonly parts: readonly [number, number] | undefined;
  readonly askedAt: number;
  readonly answeredAt: number;
}

const FLUSHES = new Set(["fdatasync", "fsync"]);
const WRITES = new Set(["pwrite64", "pwritev", "pwritev2", "write", "writev"]);
const POSITIONAL = new Set(["pwrite64", "pwritev", "pwritev2"]);
const READS = new Set(["read", "readv", "recvfrom", "recvmsg"]);
const SENDS = new Set(["write", "writev", "sendto", "sendmsg"]);

export function checkOrder(calls: readonly Call[], subject: TraceSubject): OrderReport {
  const answers = findAnswers(calls);
  const violations = answers.flatMap((answer) => {
    const why = judge(calls, subject, answer);
    const where = `${answer.uploadId} ${answer.parts ? `parts ${answer.parts.join("-")}` : "append"}`;
    return why === undefined ? [] : [`${where} at ${answer.answeredAt}: ${why}`];
  });
  return { answers: answers.length, violations };
}

/** Pairs each request that carries parts, or appends, with its answer on the same connection. */
function findAnswers(calls: readonly Call[]): Answer[] {
  const asked = new Map<string, Omit<Answer, "answeredAt">>();
  const answers: Answer[] = [];
  for (const call of calls) {
    const connection = targetOf(call);
    if (!connection.startsWith("TCP")) continue;
    const put = /"PUT \/v1\/uploads\/([a-z2-7]+)\/parts\/(\d+)(?:-(\d+))? HTTP/.exec(call.args);
    const append = /"PATCH \/v1\/uploads\/([a-z2-7]+) HTTP/.exec(call.args);
    const [, uploadId, first, last = first] = put ?? append ?? [];
    if (READS.has(call.name) && uploadId !== undefined) {
      const parts = put ? ([Number(first), Number(last)] as const) : undefined;
      asked.set(connection, { uploadId, parts, askedAt: call.begin });
    }
    const request = asked.get(connection);
    if (!request || !SENDS.has(call.name)) continue;
    if (/"HTTP\/1\.1 2\d\d /.test(call.args)) answers.push({ ...request, answeredAt: call.begin });
    if (/"HTTP\/1\.1 [2-5]\d\d /.test(call.args)) asked.delete(connection);
  }
  return answers;
}

/** Why an answer came too early, or undefined where it did not. */
function judge(calls: readonly Call[], subject: TraceSubject, answer: Answer): string | undefined {
  const before = calls.filter((call) => call.end <= answer.answeredAt && !isFailed(call));
  const isOurs = (call: Call): boolean => subject.isBytes(targetOf(call), answer.uploadId);
  const all = before.filter((call) => POSITIONAL.has(call.name) && isOurs(call));
  const writes = answer.parts
    ? writesOfParts(all, subject, answer.parts)
    : all.filter((call) => call.begin >= answer.askedAt);
  if (!writes || writes.length === 0) return "its bytes were not all written";
  const flushes = before.filter((call) => FLUSHES.has(call.name) && isOurs(call));
  const flushed = writes.map((write) => firstAfter(flushes, write.end));
  if (flushed.includes(undefined)) return "its bytes were not flushed after they were written";
  const durableAt = Math.max(...flushed.map((flush) => flush?.end ?? 0));
  const created = calls.find((call) => isCreation(call) && pathOpened(call, subject, answer));
  if (created && !isDirectoryFlushed(before, created)) return "its file's directory entry was not";
  const journal = before.filter((call) => subject.isJournal(targetOf(call)));
  const records = journal.filter((call) => WRITES.has(call.name));
  const early = records.find((call) => call.begin >= answer.askedAt && call.begin < durableAt);
  // An append commits what has come so far, again and again.
  if (subject.isSequential && answer.parts && early)
    return "a record was written before its bytes were durable";
  const record = firstAfter(records, durableAt);
  if (!record) return "no record was written after its bytes were durable";
  const commits = journal.filter((call) => FLUSHES.has(call.name));
  return firstAfter(commits, record.end) ? undefined : "its record was not flushed";
}

/** The writes of these parts, or undefined where they leave a gap. */
function writesOfParts(
  all: readonly Call[],
  { partSize, size }: TraceSubject,
  [first, last]: readonly [number, number],
): readonly Call[] | undefined {
  const start = first * partSize;
  const end = Math.min((last + 1) * partSize, size);
  const writes = all.filter((call) => isWithin(call, start, end));
  return coversAll(writes, start, end) ? writes : undefined;
}

function isFailed(call: Call): boolean {
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
function firstAfter(calls: readonly Call[], moment: number): Call | undefined {
  return calls
    .filter((call) => call.begin >= moment)
    .reduce<Call | undefined>((a, b) => (a && a.end <= b.end ? a : b), undefined);
}

function isCreation(call: Call): boolean {
  return call.name === "openat" && call.args.includes("O_CREAT") && !isFailed(call);
}

function pathOpened(call: Call, subject: TraceSubject, answer: Answer): boolean {
  return subject.isBytes(openedPath(call), answer.uploadId);
}

function openedPath(call: Call): string {
  return /^\d+<(.*)>$/.exec(call.result)?.[1] ?? "";
}

function isDirectoryFlushed(before: readonly Call[], created: Call): boolean {
  const directory = openedPath(created).replace(/\/[^/]*$/, "");
  return before.some(
    (call) => FLUSHES.has(call.name) && call.begin >= created.end && targetOf(call) === directory,
  );
}
