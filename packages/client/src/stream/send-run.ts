// One run of a stream on its way: as parts, or appended byte after byte where no whole part gets through.
import {
  APPEND_TYPE,
  encodeRunDigests,
  encodeRunPath,
  HoldfastError,
  KIB,
  missingRanges,
  type PartRange,
  toHoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { isNoAppend, isTooLarge } from "../retry.ts";
import { readUpload } from "../upload-job.ts";
import type { Wire } from "../wire.ts";
import type { Stream } from "./stream-transfer.ts";

/** So many tries in a row that were cut and brought no part: the line does not live as long as a part takes. */
const FRUITLESS_MAX = 2;
/** Where even this is too large for somebody on the way, nothing gets through. In bytes. */
const BODY_MIN: number = 64 * KIB;

/** One run, kept until it is committed. */
export interface Run {
  readonly range: PartRange;
  readonly bytes: Uint8Array;
  readonly digests: readonly Uint8Array[];
  /** Of the whole upload, where this run is the end of it. */
  readonly size: number | undefined;
}

export interface Target {
  readonly url: string;
  readonly partSize: number;
  readonly sizeMax: number;
  readonly runPartsMax: number;
}

/** What the runs of one transfer have shown of the line. */
export interface Lesson {
  /** Connections break before a part is through. */
  isCut: boolean;
  /** Something on the way knows no appends. */
  isNoAppend: boolean;
  /** The longest body that is not known to be refused on the way, in bytes. */
  bodyMax: number;
}

export interface Sending {
  readonly stream: Stream;
  readonly wire: Wire;
  readonly target: Target;
  readonly lesson: Lesson;
  /** Resolves once all runs before this one are committed. */
  readonly turn: () => Promise<void>;
}

/** What is known of a run while it is sent. Bytes from its beginning. */
interface Sent {
  /** Committed, as far as the server has said. */
  have: number;
  /** Told as progress, which does not go back. */
  told: number;
  /** A try has ended before its time: only the server knows what came of it. */
  broken: "part" | "append" | undefined;
  fruitless: number;
}

/**
 * Resolves when all of the run is committed. After a failure the server is asked what came of it, and only the rest goes again.
 *
 * Bytes are appended at the offset, so only the first run that is not committed can be; those after it wait, since what they would send as parts would be lost.
 */
export async function sendRun(run: Run, sending: Sending): Promise<void> {
  const { stream } = sending;
  const sent: Sent = { have: 0, told: 0, broken: undefined, fruitless: 0 };
  while (sent.have < run.bytes.length) {
    const isAppend = isCoarse(sending);
    if (isAppend) await sending.turn();
    await stream.insist(async (attempt, signal) => {
      stream.trying(run);
      if (sent.broken && (await hasMore(run, sent, sending, attempt, signal))) return;
      if (isAppend !== isCoarse(sending)) return;
      await move(run, sent, sending, isAppend ? append : put, attempt, signal);
    });
  }
}

function isCoarse({ lesson, target }: Sending): boolean {
  return !lesson.isNoAppend && (lesson.isCut || lesson.bodyMax < target.partSize);
}

/** Sends bytes of the run from `have` on; resolves with where they end, once they are committed. */
type Way = (
  run: Run,
  have: number,
  how: Sending & { readonly onSent: (bytes: number) => void },
  attempt: number,
  signal: AbortSignal,
) => Promise<number>;

async function move(
  run: Run,
  sent: Sent,
  sending: Sending,
  way: Way,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const { stream, lesson, target } = sending;
  const from = sent.have;
  // A part is the least that a request can bring, but for an append.
  const most =
    way === append ? appendMax(lesson, target) : Math.max(lesson.bodyMax, target.partSize);
  const asked = Math.min(run.bytes.length - from, most);
  let moved = 0;
  const onSent = (bytes: number): void => {
    moved += bytes;
    stream.sent(run, bytes);
  };
  try {
    const end = await way(run, from, { ...sending, onSent }, attempt, signal);
    arrived(run, sent, end, stream);
    // As much as a part came through in one piece: the next ones may go as parts again.
    if (way === append && end - from >= target.partSize) lesson.isCut = false;
  } catch (error) {
    sent.broken = way === append ? "append" : "part";
    const met = toHoldfastError(error);
    if (way === append && isNoAppend(met)) {
      // Parts are left, and perhaps patience.
      lesson.isNoAppend = true;
      return;
    }
    if (isTooLarge(met)) shorten(met, asked, sending);
    else if (isCut(met) && moved > 0) lesson.isCut ||= ++sent.fruitless >= FRUITLESS_MAX;
    throw error;
  }
}

function isCut({ code }: HoldfastError): boolean {
  return code === "connection_failed" || code === "stalled";
}

/** @throws HoldfastError `request_too_large` where nothing that is left to try would be shorter */
function shorten(error: HoldfastError, asked: number, { lesson, target }: Sending): void {
  const least = lesson.isNoAppend ? target.partSize : BODY_MIN;
  if (asked <= least) {
    const why = `${error.message}, to a request with ${asked} bytes`;
    throw new HoldfastError("request_too_large", why, { limit: asked }, error);
  }
  lesson.bodyMax = Math.min(lesson.bodyMax, Math.max(BODY_MIN, Math.floor(asked / 2)));
}

function arrived(run: Run, sent: Sent, end: number, stream: Stream): void {
  sent.have = end;
  sent.fruitless = 0;
  if (end <= sent.told) return;
  stream.committed(run, end - sent.told);
  sent.told = end;
}

/** Asks what came of the tries before; whether that is more than was known, so that patience begins anew. */
async function hasMore(
  run: Run,
  sent: Sent,
  { stream, wire, target }: Sending,
  attempt: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { url } = target;
  // The server may still read from an append that broke here: this ends it, and commits what came.
  if (sent.broken === "append") {
    await wire.send({ method: "HEAD", url, attempt, signal }, (answer) => answer.text());
  }
  const view = await wire.send({ method: "GET", url, attempt, signal }, readUpload);
  requireOpen(view);
  const found = committedOf(run, target, view);
  sent.broken = undefined;
  if (found > sent.have) {
    arrived(run, sent, found, stream);
    return true;
  }
  // Less than before: what was stored has proved bad.
  sent.have = found;
  return false;
}

function requireOpen({ state, error }: UploadView): void {
  if (state === "open") return;
  throw new HoldfastError("upload_ended", error?.detail ?? `the upload is ${state}`, { state });
}

/** Bytes of the run that are committed without a gap from its beginning: by parts, or by the offset, which may be within one. */
function committedOf({ range: [start], bytes }: Run, { partSize }: Target, view: UploadView) {
  const [gap] = [...missingRanges(view.committed)].filter(([, end]) => end > start);
  const parts = gap === undefined ? bytes.length : (gap[0] - start) * partSize;
  const appended = view.offset - start * partSize;
  return Math.max(0, Math.min(bytes.length, Math.max(parts, appended)));
}

const put: Way = async (run, have, { wire, target, lesson, onSent }, attempt, signal) => {
  const { url, partSize } = target;
  const from = Math.floor(have / partSize);
  const most = Math.max(1, Math.floor(lesson.bodyMax / partSize));
  const to = Math.min(run.digests.length, from + most);
  const [name, value] = encodeRunDigests("sha-256", run.digests.slice(from, to));
  const [first] = run.range;
  await wire.send(
    {
      method: "PUT",
      url: `${url}/parts/${encodeRunPath([first + from, first + to])}`,
      headers: { "content-type": "application/octet-stream", [name]: value, ...sizeOf(run) },
      body: [run.bytes.subarray(from * partSize, to * partSize)],
      attempt,
      signal,
      onSent,
    },
    (answer) => answer.text(),
  );
  return Math.min(run.bytes.length, to * partSize);
};

function appendMax({ bodyMax }: Lesson, { partSize }: Target): number {
  return Math.min(bodyMax, partSize);
}

const append: Way = async (run, have, { wire, target, lesson, onSent }, attempt, signal) => {
  const { url, partSize } = target;
  // What is handed over and not through when the connection breaks is lost: no more than a part.
  const end = Math.min(run.bytes.length, have + appendMax(lesson, target));
  await wire.send(
    {
      method: "PATCH",
      url,
      headers: {
        "content-type": APPEND_TYPE,
        "upload-offset": String(run.range[0] * partSize + have),
        // Publishing is a step of its own, which compares the root.
        "upload-complete": "?0",
        ...sizeOf(run),
      },
      body: [run.bytes.subarray(have, end)],
      attempt,
      signal,
      onSent,
    },
    (answer) => answer.text(),
  );
  return end;
};

/** Only the server must know the size before it takes a part that is short. */
function sizeOf({ size }: Run): Readonly<Record<string, string>> {
  return size === undefined ? {} : { "upload-length": String(size) };
}
