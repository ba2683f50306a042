// The upload of a stream: its size is known at its end, and nothing of it can be read twice.
import {
  type CreateRequest,
  computeRoot,
  DIGEST_SIZE,
  encodeComplete,
  encodeCreate,
  encodeHex,
  encodeId,
  equalBytes,
  HoldfastError,
  ID_BYTES,
  isHoldfastError,
  MIB,
  type UploadView,
} from "@holdfast/protocol";
import { checkAddress } from "../auth.ts";
import type { Transfer } from "../events.ts";
import { wireOf } from "../options.ts";
import type { Ports } from "../ports.ts";
import type { Finished } from "../state.ts";
import type { UploadOptions } from "../upload.ts";
import { jsonBody, readUpload, uploadUrl } from "../upload-job.ts";
import type { Wire } from "../wire.ts";
import { runLanes } from "./lanes.ts";
import { type ByteStream, createRunReader, type RunReader } from "./read-run.ts";
import { type Lesson, type Run, sendRun, type Target } from "./send-run.ts";
import { runStream, type Stream } from "./stream-transfer.ts";

/** Runs at a time; with as many bytes each, that is all the memory there is. */
const LANES = 4;
const RUN_SIZE: number = 8 * MIB;
/** Of what nobody knows the size of: with 100,000 parts up to 390 GiB. */
const PART_SIZE: number = 4 * MIB;
const PART_SIZE_MIN: number = MIB;
const PART_COUNT: number = 100_000;
/** Whole parts wait this long for the run to be full. */
const PATIENCE_MS = 1_000;
/** While the server completes the upload, it is asked this often. */
const COMPLETING_POLL_MS = 500;
/** How long the removal of what nobody can go on with may take. */
const DISCARD_MS = 5_000;

export interface StreamUploadOptions extends Omit<UploadOptions, "resume"> {
  readonly name: string;
  /** About how many bytes there will be; more is no mistake, but very much more may not fit. */
  readonly expectedSize?: number;
}

/** Starts an upload of whatever comes through `source`. It can be tried again as long as this process lives, and not gone on with by another. */
export function startStreamUpload(
  source: ByteStream,
  options: StreamUploadOptions,
  ports: Omit<Ports, "checkpoints">,
): Transfer {
  const { clock, random } = ports;
  const wire = wireOf(ports, options);
  let target: Target | undefined;
  let isPublished = false;
  return runStream({
    clock,
    random,
    giveUpMs: options.giveUpMs,
    async run(stream) {
      const server = checkAddress(options.to, options.token !== undefined);
      stream.enter("creating");
      target = await create(stream, wire, server, options, ports);
      const sent = await sendAll(stream, wire, target, source, options, ports);
      stream.enter("completing");
      const file = await complete(stream, wire, target, sent, ports);
      isPublished = true;
      return { ...file, url: `${server}/v1/files/${file.id}` };
    },
    async discard() {
      if (!target || isPublished) return;
      const ending = new AbortController();
      const callOff = clock.after(DISCARD_MS, () => ending.abort(new HoldfastError("aborted")));
      const request = { method: "DELETE", url: target.url, attempt: 1 } as const;
      await wire
        .send({ ...request, signal: ending.signal }, (answer) => answer.text())
        .finally(callOff);
    },
    async close() {
      source.close();
      ports.transport.close();
    },
  });
}

async function create(
  stream: Stream,
  wire: Wire,
  server: string,
  options: StreamUploadOptions,
  { random }: Pick<Ports, "random">,
): Promise<Target> {
  const { name, type = "application/octet-stream", metadata = new Map() } = options;
  const { expectedSize, live } = options;
  const partSize = options.partSize ?? partSizeFor(expectedSize);
  const ask = (grid: Grid): Promise<UploadView> => {
    const { body, headers } = jsonBody(
      encodeCreate({
        ...{ name, type, metadata, ...grid, digest: "sha-256" },
        ...(live === undefined ? {} : { live }),
      }),
    );
    const key = { ...headers, "idempotency-key": `"${encodeId(random.bytes(ID_BYTES))}"` };
    const request = { method: "POST", url: `${server}/v1/uploads`, headers: key, body } as const;
    return stream.insist((attempt, signal) =>
      wire.send({ ...request, attempt, signal }, readUpload),
    );
  };
  const view = await ask({ partSize }).catch((error: unknown) => {
    if (options.partSize !== undefined || !isOtherGrid(error)) throw error;
    // Stores take no parts that small: then the server chooses, for about as many bytes.
    return ask(expectedSize === undefined ? {} : { maxSize: roomFor(expectedSize) });
  });
  const { id, size: sizeMax, runPartsMax } = view;
  if (view.hasSize) {
    throw new HoldfastError("not_holdfast", "the answer is another upload than the one asked for");
  }
  const url = uploadUrl(server, id);
  stream.emit("created", { id, url, size: undefined, isResumed: false });
  return { url, sizeMax, runPartsMax, partSize: view.partSize };
}

/** What is asked for of an upload whose size nobody knows. */
type Grid = Pick<CreateRequest, "partSize" | "maxSize">;

/** A quarter more than what is expected, in bytes. */
function roomFor(expected: number): number {
  return Math.ceil(expected * 1.25);
}

function partSizeFor(expected: number | undefined): number {
  if (expected === undefined) return PART_SIZE;
  let partSize = PART_SIZE_MIN;
  while (partSize * PART_COUNT < roomFor(expected)) partSize *= 2;
  return partSize;
}

function isOtherGrid(error: unknown): boolean {
  return (
    isHoldfastError(error) &&
    error.code === "invalid_request" &&
    error.details["field"] === "partSize"
  );
}

/** What was sent, once all of it is committed. */
interface Sent {
  readonly size: number;
  readonly digests: readonly Uint8Array[];
}

async function sendAll(
  stream: Stream,
  wire: Wire,
  target: Target,
  source: ByteStream,
  options: StreamUploadOptions,
  ports: Pick<Ports, "clock" | "digester" | "share">,
): Promise<Sent> {
  const { partSize, runPartsMax } = target;
  const reader = createRunReader(source, { partSize, patienceMs: PATIENCE_MS, clock: ports.clock });
  const digests: Uint8Array[] = [];
  const leaveOf = new Map<Run, () => void>();
  const lesson: Lesson = { isCut: false, isNoAppend: false, bodyMax: Infinity };
  const runPartsTop = Math.max(1, Math.min(runPartsMax, Math.floor(RUN_SIZE / partSize)));
  let runParts = 1;
  let size = 0;
  let isEnd = false;
  const { expectedSize } = options;
  stream.sized(expectedSize);
  stream.enter("sending");

  async function next(): Promise<Run | undefined> {
    if (isEnd) return undefined;
    const { leave } = await ports.share.admit(runParts * partSize, stream.signal);
    try {
      const run = await readNext(reader, new Uint8Array(runParts * partSize));
      if (run) leaveOf.set(run, leave);
      else leave();
      return run;
    } catch (error) {
      leave();
      throw error;
    }
  }

  async function readNext(reader: RunReader, into: Uint8Array): Promise<Run | undefined> {
    const read = await unlessEnded(reader.fill(into), stream.signal);
    isEnd = read.isEnd;
    const first = size / partSize;
    size += read.bytes;
    // What it is is known now; before, an expectation counts as long as it has not been passed.
    if (isEnd) stream.sized(size);
    else if (expectedSize !== undefined && size >= expectedSize) stream.sized(undefined);
    if (size > target.sizeMax) throw tooLarge(target.sizeMax);
    // Runs begin short, so that even a slow line shows soon that it moves.
    runParts = Math.min(runPartsTop, runParts * 2);
    if (read.bytes === 0) return undefined;
    const bytes = into.subarray(0, read.bytes);
    const own: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += partSize) {
      own.push(await ports.digester.digest(bytes.subarray(at, at + partSize), "sha-256"));
    }
    digests.push(...own);
    const range = [first, first + own.length] as const;
    return { range, bytes, digests: own, size: isEnd ? size : undefined };
  }

  try {
    await runLanes(Math.min(options.inFlight ?? LANES, LANES), {
      next,
      move: (run, turn) => sendRun(run, { stream, wire, target, lesson, turn }),
      async land(run) {
        leaveOf.get(run)?.();
        leaveOf.delete(run);
      },
    });
  } finally {
    for (const leave of leaveOf.values()) leave();
  }
  return { size, digests };
}

function tooLarge(sizeMax: number): HoldfastError {
  const hint =
    "Tell with --size about how many bytes there are, or give a larger --part-size; or the server takes no more.";
  return new HoldfastError("size_too_large", `more came than ${sizeMax} bytes`, { hint });
}

/** A read that never ends must not keep what has ended. */
function unlessEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

async function complete(
  stream: Stream,
  wire: Wire,
  { url, partSize }: Target,
  { size, digests }: Sent,
  { clock, digester }: Pick<Ports, "clock" | "digester">,
): Promise<Omit<Finished, "url">> {
  const joined = new Uint8Array(digests.length * DIGEST_SIZE);
  for (const [index, digest] of digests.entries()) joined.set(digest, index * DIGEST_SIZE);
  const leaves = { size, partSize, algorithm: "sha-256", digests: joined } as const;
  const root = computeRoot(digester.sha256, leaves);
  const { body, headers } = jsonBody(encodeComplete({ size, root }));
  const ask = (attempt: number, signal: AbortSignal) =>
    wire.send(
      { method: "POST", url: `${url}/complete`, headers, body, attempt, signal },
      readUpload,
    );
  for (;;) {
    const { state, file, error } = await stream.insist(ask);
    if (file && !equalBytes(file.root, root)) {
      throw new HoldfastError("root_mismatch", "the file on the server is not what was sent");
    }
    if (file) return { id: file.id, size: file.size, root: encodeHex(root) };
    if (state !== "completing") {
      throw new HoldfastError("upload_ended", error?.detail ?? `the upload is ${state}`, { state });
    }
    await new Promise<void>((resolve) => clock.after(COMPLETING_POLL_MS, resolve));
  }
}
