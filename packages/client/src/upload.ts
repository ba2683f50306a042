// The upload: from a source to parts on a server, to a file.
import {
  type Algorithm,
  encodeId,
  ID_BYTES,
  type Metadata,
  type PartRange,
  type TransferWay,
} from "@holdfast/protocol";
import { createBuffers } from "./buffers.ts";
import { sendPart } from "./direct/send-part.ts";
import { type SignedPart, signRest } from "./direct/sign-rest.ts";
import type { WatchedTransfer } from "./events.ts";
import { type Known, RUN_MS_WHOLE } from "./line.ts";
import { settingsOf, type TransferOptions, wireOf } from "./options.ts";
import type { Ports, Source } from "./ports.ts";
import { rememberLine, tellDamage } from "./recall.ts";
import { runTransfer } from "./run.ts";
import { appendRun } from "./upload-append.ts";
import { askUpload, checkUpload } from "./upload-check.ts";
import { createUpload } from "./upload-create.ts";
import { closeUpload, completeUpload, discardUpload } from "./upload-finish.ts";
import type { Job } from "./upload-job.ts";
import { openUpload } from "./upload-open.ts";
import { sendRun } from "./upload-send.ts";
import type { Call } from "./work.ts";

export interface UploadOptions extends TransferOptions {
  /** The server's address. */
  readonly to: string;
  /** The source's own name by default. */
  readonly name?: string;
  /** Media type. */
  readonly type?: string;
  readonly metadata?: Metadata;
  /** Bytes; a multiple of 256 KiB. The server's choice by default. */
  readonly partSize?: number;
  /** Algorithm of part digests, for a new upload; `sha-256` by default. `blake3` costs both sides far less, where the server has it. */
  readonly digest?: Algorithm;
  /** SHA-256 that the whole file must have, 64 lower-case hexadecimal digits: the server reads it once more and compares before it publishes. */
  readonly sha256?: string;
  /** Which way parts go. The server's advice by default: `direct` where its store can take them from us, by signed requests; never for very small files. */
  readonly transfer?: TransferWay;
  /** How long a signed request may be used, in milliseconds: 15 minutes by default, a day at most. For parts that others send later, as a system in the background does. */
  readonly signedForMs?: number;
  /** `readback`: the server reads every part once more from its medium before it publishes. */
  readonly verify?: "readback";
  /** What is committed can be read while the rest is sent, also where parts go to an object store (`GET .../content`). It is never sent in one request, as small files are. */
  readonly live?: true;
}

export interface Upload extends WatchedTransfer {
  /** Pauses it; resolves with what brings the parts that are missing, as `signRest` does. */
  signRest(canSend: (url: string) => boolean): Promise<readonly SignedPart[]>;
}

/** Starts an upload. The same source to the same server goes on where an earlier upload of it stopped. */
export function startUpload(
  openSource: () => Promise<Source>,
  options: UploadOptions,
  ports: Ports,
): Upload {
  const { clock, random } = ports;
  let made: Job | undefined;
  /** What was under way when it was paused. */
  let moved: Promise<unknown> = Promise.resolve();
  const transfer = runTransfer({
    clock,
    random,
    settings: {
      ...settingsOf(options),
      canAsk: true,
      ...(ports.transport.mayRepeat ? { runMs: RUN_MS_WHOLE } : {}),
    },
    sending: "sending",
    work: (emit) => {
      const unheard = tellDamage(ports, emit);
      const job: Job = {
        openSource,
        options,
        ports,
        emit,
        wire: wireOf(ports, options),
        buffers: createBuffers(),
        idempotencyKey: encodeId(random.bytes(ID_BYTES)),
        known: undefined,
        knownDirect: undefined,
        opened: undefined,
        target: undefined,
        algorithm: options.digest ?? "sha-256",
        unproven: undefined,
        checkpoint: undefined,
        isAppendBroken: false,
        way: undefined,
        direct: undefined,
        isUnanswered: false,
        isStoreRefused: false,
        isWarned: false,
        stale: [],
      };
      made = job;
      return {
        open: (call) => openUpload(job, call),
        create: (call) => createUpload(job, call),
        check: (call) => checkUpload(job, call),
        ask: (call) => askUpload(job, call),
        move: (range, call) =>
          call.from === undefined
            ? send(job, range, call)
            : appendRun(job, range, { ...call, from: call.from }),
        remember: (known) => remember(job, known),
        complete: (call) => completeUpload(job, call),
        discard: (call) => discardUpload(job, call),
        // The server knows what has arrived.
        async rest(runs) {
          moved = runs;
        },
        close: () => closeUpload(job).finally(unheard),
      };
    },
  });
  return {
    ...transfer,
    // What a spread copies would stay as it is.
    get state() {
      return transfer.state;
    },
    async signRest(canSend) {
      await transfer.pause();
      await moved;
      return signRest(made, canSend);
    },
  };
}

/** What was learned on two lines says nothing of either. */
async function remember({ ports, direct, way, opened }: Job, known: Known): Promise<void> {
  if (!opened || (direct && way !== "direct")) return;
  await rememberLine(ports, direct ? "direct" : "up", opened.server, known);
}

/** A signed request brings one part; a run of several was planned when parts went through the server. */
function send(job: Job, range: PartRange, call: Call): Promise<void> {
  const isDirect = job.way === "direct" && range[1] - range[0] === 1;
  return isDirect ? sendPart(job, range, call) : sendRun(job, range, call);
}
