// The download of a file into a stream: every part is verified before a byte of it goes on, in order.
import {
  createPartSet,
  encodeHex,
  HoldfastError,
  type Manifest,
  MIB,
  type PartSet,
  partCount,
  RUN_PARTS_MAX,
  runSize,
} from "@holdfast/protocol";
import { findManifest } from "../describe.ts";
import type { DownloadOptions } from "../download.ts";
import type { DownloadJob } from "../download-job.ts";
import { receiveRun } from "../download-receive.ts";
import type { Transfer } from "../events.ts";
import { checkFileAddress, fileIdOf, forReading, plainAddress } from "../file-address.ts";
import { wireOf } from "../options.ts";
import { pinByRoot } from "../pin.ts";
import type { Ports, Sink } from "../ports.ts";
import { ALONE } from "../share.ts";
import { checkWanted, requireHashed, requireWanted } from "../wanted-file.ts";
import type { Wire } from "../wire.ts";
import { runLanes } from "./lanes.ts";
import { runStream, type Stream } from "./stream-transfer.ts";

/** Runs at a time; with as many bytes each, that is all the memory there is. */
const LANES = 4;
const RUN_SIZE: number = 8 * MIB;

export interface StreamDownloadOptions
  extends Omit<DownloadOptions, "replace" | "resume" | "limitRate"> {
  readonly limitRate?: number;
}

/** Takes the bytes one after another; resolves when it wants more. What it rejects with ends the download. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

interface Run {
  /** The first part that is not verified yet. */
  next: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly leave: () => void;
}

export function startStreamDownload(
  write: ByteSink,
  given: StreamDownloadOptions,
  ports: Ports,
): Transfer {
  const options = forReading(given);
  const { clock, random } = ports;
  const wire = wireOf(ports, options);
  return runStream({
    clock,
    random,
    giveUpMs: options.giveUpMs,
    async run(stream) {
      const hasToken = options.token !== undefined;
      checkWanted(options);
      stream.enter("checking");
      const manifest =
        options.manifest ??
        (await stream.insist((attempt, signal) =>
          findManifest(wire, ports.digester, { url: options.url, hasToken, attempt, signal }),
        ));
      const url = checkFileAddress(options.url, hasToken);
      requireWanted(manifest, options);
      const { size } = manifest;
      const told = { id: fileIdOf(url), url: plainAddress(url) };
      stream.emit("created", { ...told, size, isResumed: false });
      stream.sized(size);
      stream.enter("receiving");
      await receiveAll(stream, wire, { url, manifest, write, options, ports });
      return { ...told, size, root: encodeHex(manifest.root) };
    },
    discard: async () => undefined,
    close: async () => ports.transport.close(),
  });
}

interface Receiving {
  readonly url: string;
  readonly manifest: Manifest;
  readonly write: ByteSink;
  readonly options: StreamDownloadOptions;
  readonly ports: Ports;
}

async function receiveAll(stream: Stream, wire: Wire, receiving: Receiving): Promise<void> {
  const { manifest, write, options, ports } = receiving;
  const parts = partCount(manifest);
  const verified = createPartSet(parts);
  const known = { verified, mismatched: new Set<number>() };
  const most = Math.max(1, Math.min(RUN_PARTS_MAX, Math.floor(RUN_SIZE / manifest.partSize)));
  const held = new Set<Run>();
  const hasher = options.sha256 === undefined ? undefined : ports.digester.hasher();
  let runParts = 1;
  let start = 0;

  async function next(): Promise<Run | undefined> {
    if (start === parts) return undefined;
    const end = Math.min(parts, start + runParts);
    const size = runSize(manifest, start, end);
    const { leave } = await ports.share.admit(size, stream.signal);
    const run: Run = { next: start, end, bytes: new Uint8Array(size), leave };
    held.add(run);
    start = end;
    runParts = Math.min(most, runParts * 2);
    return run;
  }

  try {
    await runLanes(Math.min(options.inFlight ?? LANES, LANES), {
      next,
      move: (run) =>
        stream.insist((attempt, signal) => {
          stream.trying(run);
          return receiveRun(jobOf(wire, receiving, known, run), [run.next, run.end], {
            attempt,
            signal,
            onBegin: () => undefined,
            onConnected: () => undefined,
            onMoved: (bytes) => stream.sent(run, bytes),
            onPlaced: () => undefined,
          });
        }),
      async land(run) {
        hasher?.update(run.bytes);
        await write(run.bytes);
        stream.committed(run, run.bytes.length);
        run.leave();
        held.delete(run);
      },
    });
    // Its bytes have gone on: whoever took them learns from the end that they are of another file.
    if (hasher) requireHashed(hasher, options);
  } finally {
    for (const run of held) run.leave();
  }
}

/** Receives into the run's own memory, where verified parts stay whatever becomes of those behind them. */
function jobOf(
  wire: Wire,
  { url, manifest, options, ports }: Receiving,
  { verified, mismatched }: { readonly verified: PartSet; readonly mismatched: Set<number> },
  run: Run,
): DownloadJob {
  const sink = memorySink(run);
  return {
    options,
    // The run has its room already.
    ports: { ...ports, share: { ...ports.share, admit: ALONE.admit } },
    wire,
    emit: () => undefined,
    buffers: { take: (size) => run.bytes.subarray(run.bytes.length - size), give: () => undefined },
    openSink: async () => sink,
    opened: { url, sink, release: () => undefined, isOurs: true },
    root: encodeHex(manifest.root),
    content: {
      version: manifest,
      pin: pinByRoot(wire, manifest),
      verified,
      doubtful: createPartSet(verified.partCount),
    },
    journal: undefined,
    mismatched,
    begun: new Map(),
    head: undefined,
    reading: undefined,
    noting: undefined,
  };
}

function memorySink(run: Run): Sink {
  const none = async (): Promise<never> => {
    throw new HoldfastError("internal", "a stream can only be written to");
  };
  return {
    identity: "",
    working: "beside",
    existingSize: none,
    open: none,
    read: none,
    memory: "any",
    // Parts come in order, and the bytes are where they belong: that one more is done with is all there is to note.
    async write() {
      run.next++;
    },
    note: none,
    commit: none,
    discard: none,
    close: async () => undefined,
  };
}
