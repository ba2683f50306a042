// The download: from a server to a working file, part by part, to a file of the right name.
import type { Manifest } from "@holdfast/protocol";
import { createBuffers } from "./buffers.ts";
import { closeDownload, discardDownload, finishDownload, saveJournal } from "./download-finish.ts";
import { type DownloadJob, openedSinkOf } from "./download-job.ts";
import { checkDownload, openDownload } from "./download-open.ts";
import { receiveRun } from "./download-receive.ts";
import type { WatchedTransfer } from "./events.ts";
import { forReading } from "./file-address.ts";
import { settingsOf, type TransferOptions, wireOf } from "./options.ts";
import type { Ports, Sink } from "./ports.ts";
import { rememberLine, tellDamage } from "./recall.ts";
import { runTransfer } from "./run.ts";
import type { WantedFile } from "./wanted-file.ts";

export interface DownloadOptions extends TransferOptions, WantedFile {
  /** Absolute address of the file, as an upload's result has it; or of a file of any HTTP server, which no token goes to. */
  readonly url: string;
  /** Its manifest, where it is known already. */
  readonly manifest?: Manifest;
  /** Takes the place of a file that is there and has other bytes, once the new one is whole. */
  readonly replace?: boolean;
}

/** Starts a download, which closes the ports at its end. To the same sink it goes on where an earlier one stopped. */
export function startDownload(
  openSink: () => Promise<Sink>,
  given: DownloadOptions,
  ports: Ports,
): WatchedTransfer {
  const options = forReading(given);
  const { clock, random } = ports;
  return runTransfer({
    clock,
    random,
    settings: { ...settingsOf(options), keepsCut: true },
    sending: "receiving",
    work: (emit) => {
      const unheard = tellDamage(ports, emit);
      const job: DownloadJob = {
        openSink,
        options,
        ports,
        emit,
        wire: wireOf(ports, options),
        buffers: createBuffers(() => openedSinkOf(job).sink.memory),
        opened: undefined,
        root: undefined,
        content: undefined,
        journal: undefined,
        begun: new Map(),
        mismatched: new Set(),
        head: undefined,
        reading: undefined,
        noting: undefined,
      };
      return {
        open: (call) => openDownload(job, call),
        create: (call) => checkDownload(job, call),
        check: (call) => checkDownload(job, call),
        // What has come, it knows itself.
        ask: async () => undefined,
        move: (range, call) => receiveRun(job, range, call),
        remember: (known) => rememberLine(ports, "down", openedSinkOf(job).url, known),
        complete: (call) => finishDownload(job, call),
        discard: () => discardDownload(job),
        rest: (moved) => {
          job.head?.stop();
          return moved.then(() => saveJournal(job));
        },
        close: () => closeDownload(job).finally(unheard),
      };
    },
  });
}
