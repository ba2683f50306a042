// One run on its way: received into one buffer, verified and written part by part.
import {
  addPart,
  type ByteRange,
  decodeContentRange,
  encodeHex,
  encodeRange,
  HoldfastError,
  hasPart,
  isHoldfastError,
  KIB,
  MIB,
  type PartRange,
  partOffset,
  partSizeAt,
  runSize,
} from "@holdfast/protocol";
import { type Content, contentOf, type DownloadJob, openedSinkOf } from "./download-job.ts";
import { HEAD_SIZE, type HeadStart } from "./head-start.ts";
import type { Digester } from "./ports.ts";
import { badPart } from "./retry.ts";
import type { WireAnswer } from "./wire.ts";
import type { Call } from "./work.ts";

/** Bytes that may come at once: more would keep everything else waiting. */
const PIECE_MAX: number = MIB;
/** Some give no more than so many bytes at a time, whatever is asked for: what comes then is taken, and the rest asked for. Fewer than this would take for ever. */
const SHORT_MIN: number = 16 * KIB;
/** Bytes of parts that were cut, all together. */
const BEGUN_MAX: number = 16 * MIB;

/** Resolves when all parts of the run are verified and written. Where it rejects, those before the fault are all the same. */
export async function receiveRun(job: DownloadJob, run: PartRange, call: Call): Promise<void> {
  const { url } = openedSinkOf(job);
  const content = contentOf(job);
  const { version, pin, verified } = content;
  const [start] = run;
  const offset = partOffset(version, start);
  const size = runSize(version, ...run);
  const { leave } = await job.ports.share.admit(size, call.signal);
  const head = headOf(job, run);
  call.onBegin(head?.askedAt);
  const bytes = job.buffers.take(size);
  const keep = async (index: number, part: Uint8Array) => {
    await openedSinkOf(job).sink.write(partOffset(version, index), part);
    addPart(verified, index);
    // What another run has left of it is of no more use, and would keep others out.
    job.begun.delete(index);
    job.journal?.wrote();
  };
  const inbox = createInbox(job.ports.digester, content, run, bytes, keep);
  const all = { start: offset, end: offset + size };
  try {
    if (head) await takeHead(head, all, content, inbox, call);
    const begin = () => {
      takeUp(job, run, inbox);
      return offset + inbox.begins();
    };
    // Once, but where somebody gives less at a time than is asked for, and where another part has been begun.
    for (let start = begin(); start < all.end; start = begin()) {
      const wanted = { start, end: endBefore(job, run, start) };
      await pin.send(
        {
          method: "GET",
          url,
          headers: {
            range: encodeRange(wanted),
            ...pin.headers,
            "accept-encoding": "identity",
            ...(isSuspect(job, run) ? { "holdfast-verify": "?1" } : {}),
          },
          room: inbox.room,
          attempt: call.attempt,
          signal: call.signal,
        },
        (answer) => receive(answer, content, wanted, inbox, call),
      );
    }
    await inbox.written();
  } catch (error) {
    const bad = isHoldfastError(error) ? badPart(error) : undefined;
    if (bad !== undefined) job.mismatched.add(bad);
    else layAside(job, inbox);
    throw error;
  } finally {
    await inbox.close();
    job.buffers.give(bytes);
    leave();
  }
}

/** How many bytes of the next part are there already. What of them is wrong, the part's digest says, and then it comes anew from its first byte. */
function takeUp(job: DownloadJob, run: PartRange, inbox: Inbox): void {
  const index = inbox.untouched();
  const begun = index === undefined ? undefined : job.begun.get(index);
  if (index === undefined || !begun) return;
  job.begun.delete(index);
  if (!isSuspect(job, run)) inbox.beginsWith(begun);
}

/** Runs that were cut side by side become one: what each of them has begun is not asked for again. */
function endBefore(job: DownloadJob, run: PartRange, start: number): number {
  const { version } = contentOf(job);
  const end = partOffset(version, run[0]) + runSize(version, ...run);
  if (isSuspect(job, run)) return end;
  const begun = [...job.begun.keys()].map((index) => partOffset(version, index));
  return Math.min(end, ...begun.filter((offset) => offset > start));
}

/** What was asked for beside the manifest, for a run that has not been begun in another way. */
function headOf(job: DownloadJob, run: PartRange): HeadStart | undefined {
  const isIn = partOffset(contentOf(job).version, run[0]) < HEAD_SIZE;
  return isIn && !job.begun.has(run[0]) && !isSuspect(job, run) ? job.head : undefined;
}

/** As with an answer of its own: parts are verified as they come. */
async function takeHead(
  head: HeadStart,
  range: ByteRange,
  { version }: Content,
  inbox: Inbox,
  call: Call,
): Promise<void> {
  const take = (piece: Uint8Array) => {
    call.onMoved(piece.length);
    return inbox.take(piece);
  };
  await head.pour(range, `"${encodeHex(version.root)}"`, take, call.signal);
}

/** On a line that cuts, half a part is lost with each connection otherwise. Not of a part whose digest is not known: nothing would say whether what comes behind it fits. */
function layAside(job: DownloadJob, inbox: Inbox): void {
  const { begun } = job;
  const { index, bytes } = inbox.partial();
  if (!hasPart(contentOf(job).pin.known, index)) return;
  const kept = [...begun.values()].reduce((sum, { length }) => sum + length, 0);
  if (bytes.length > 0 && kept + bytes.length <= BEGUN_MAX) begun.set(index, bytes.slice());
}

/** Something on the way has changed its bytes, or they are bad where they are stored: only the server can say. */
function isSuspect({ mismatched }: DownloadJob, [start, end]: PartRange): boolean {
  for (const index of mismatched) if (index >= start && index < end) return true;
  return false;
}

/** Takes the body of an answer that is what was asked for: these bytes, or the whole file from a server that knows no ranges. */
async function receive(
  answer: WireAnswer,
  { version, pin }: Content,
  wanted: ByteRange,
  inbox: Inbox,
  call: Call,
): Promise<void> {
  pin.require(answer, wanted);
  let skip = answer.status === 206 ? 0 : wanted.start;
  const range = decodeContentRange(answer.header("content-range"));
  if (answer.status === 206 && (range?.start !== wanted.start || range.size !== version.size)) {
    throw new HoldfastError(pin.wrong, "the answer is another range than the one asked for");
  }
  if ((answer.header("content-encoding") ?? "identity") !== "identity") {
    throw new HoldfastError(pin.wrong, "something on the way has encoded the bytes anew");
  }
  if (skip === 0) inbox.takesInPlace();
  if (answer.status === 206) inbox.mayKeep();
  let left = answer.status === 206 && range ? range.end - range.start : Number.POSITIVE_INFINITY;
  try {
    await answer.read((piece) => {
      // A server without ranges sends on and on: what lies behind the run is not waited for.
      if (inbox.isFull() || piece.length > left) throw tooMuch(pin);
      left -= piece.length;
      call.onMoved(piece.length);
      const skipped = Math.min(skip, piece.length);
      skip -= skipped;
      return inbox.take(piece.subarray(skipped));
    });
  } catch (error) {
    // Whatever happened after the last verified byte changes nothing.
    if (!inbox.isFull()) throw error;
  }
  const isOver = range && left === 0;
  const isEnough = isOver && (range.end === wanted.end || range.end - range.start >= SHORT_MIN);
  if (!inbox.isFull() && !isEnough) {
    throw new HoldfastError("connection_failed", "the answer ended too early");
  }
}

function tooMuch({ wrong }: Content["pin"]): HoldfastError {
  return new HoldfastError(wrong, "the answer is longer than what was asked for");
}

/** The buffer of a run being filled, and how far it is verified and written. */
interface Inbox {
  /** The part that comes next, if nothing of it is there yet. */
  untouched(): number | undefined;
  /** Bytes of the next part that are there before any of it comes; less than all of them. */
  beginsWith(begun: Uint8Array): void;
  /** How many bytes of the run are there by now: the answer begins behind them. */
  begins(): number;
  /** What has come of the first part that is not whole: good until the memory is somebody else's. */
  partial(): { readonly index: number; readonly bytes: Uint8Array };
  /** From now on the bytes of the answer are those of the run, from the first on that is not there. */
  takesInPlace(): void;
  /** From now on what comes is worth keeping: the answer has said where in which file it belongs. */
  mayKeep(): void;
  /** Where the bytes of the answer from one on belong, up to the end of their part. */
  room(at: number): Uint8Array | undefined;
  take(piece: Uint8Array): void | Promise<void>;
  /** Every part is verified. */
  isFull(): boolean;
  /** Resolves when all that is verified is written. @throws what kept a part from being written */
  written(): Promise<void>;
  /** Takes nothing any more; resolves when nothing is being written. */
  close(): Promise<void>;
}

/**
 * Parts are verified as soon as their last byte is there, while they are still in the processor's cache, and kept at once: a crash costs no whole run. The next ones
 * come while they are written.
 */
function createInbox(
  digester: Digester,
  { version, pin }: Pick<Content, "version" | "pin">,
  [start, end]: PartRange,
  bytes: Uint8Array,
  keep: (index: number, part: Uint8Array) => Promise<void>,
): Inbox {
  let filled = 0;
  /** Bytes that were there before the answer's first. */
  let lead = 0;
  let isInPlace = false;
  let isKept = false;
  let next = start;
  let isClosed = false;
  const writing: Promise<void>[] = [];
  let failure: { readonly cause: unknown } | undefined;

  function judge(part: Uint8Array, digest: Uint8Array): void {
    if (!pin.judge(next, digest)) {
      const why = pin.kind === "etag" ? "came twice, and differs" : "is not what the manifest says";
      throw new HoldfastError("download_corrupt", `part ${next} ${why}`, { index: next });
    }
    writing.push(
      keep(next, part).catch((cause: unknown) => {
        failure ??= { cause };
      }),
    );
    next++;
  }

  /** At once where digests are: whoever brings the bytes need not stop then. */
  function verify(): void | Promise<void> {
    for (let part = wholePart(); part; part = wholePart()) {
      const whole = part;
      const digest = digester.digest(whole, version.algorithm);
      if (digest instanceof Promise) return digest.then((it) => judge(whole, it)).then(verify);
      judge(whole, digest);
    }
  }

  /** The next part, once all its bytes are there. */
  function wholePart(): Uint8Array | undefined {
    if (next === end) return undefined;
    const from = (next - start) * version.partSize;
    const to = from + partSizeAt(version, next);
    return filled < to ? undefined : bytes.subarray(from, to);
  }

  return {
    untouched() {
      return next < end && filled === (next - start) * version.partSize ? next : undefined;
    },
    beginsWith(begun) {
      bytes.set(begun, filled);
      filled += begun.length;
    },
    begins() {
      lead = filled;
      return lead;
    },
    partial() {
      const from = (next - start) * version.partSize;
      // One whose digest is still being made is asked for again from its last byte on.
      const to = next === end ? from : from + partSizeAt(version, next) - 1;
      const kept = Math.min(isKept ? filled : lead, to);
      return { index: next, bytes: bytes.subarray(from, Math.max(from, kept)) };
    },
    isFull: () => next === end,
    mayKeep() {
      isKept = true;
    },
    takesInPlace() {
      isInPlace = true;
    },
    room(at) {
      if (!isInPlace || isClosed) return undefined;
      const from = lead + at;
      const partEnd = from - (from % version.partSize) + version.partSize;
      return bytes.subarray(from, Math.min(partEnd, from + PIECE_MAX));
    },
    async written() {
      await Promise.all(writing);
      if (failure) throw failure.cause;
    },
    async close() {
      isClosed = true;
      await Promise.all(writing);
    },
    take(piece) {
      // The buffer may be somebody else's by now.
      if (isClosed) return;
      if (failure) throw failure.cause;
      const fitting = piece.subarray(0, bytes.length - filled);
      if (!isAt(bytes, filled, fitting)) bytes.set(fitting, filled);
      filled += fitting.length;
      return verify();
    },
  };
}

/** Whether these bytes were put where they belong. */
function isAt(bytes: Uint8Array, at: number, piece: Uint8Array): boolean {
  return piece.buffer === bytes.buffer && piece.byteOffset === bytes.byteOffset + at;
}
