// For tests: a transfer by a clock that stands still, so that nothing in it is ever late, however slow the machine.
import { type DownloadOptions, startDownload } from "../../download.ts";
import type { Transfer } from "../../events.ts";
import type { Clock } from "../../ports.ts";
import { ALONE } from "../../share.ts";
import { startUpload, type UploadOptions } from "../../upload.ts";
import { nodePorts } from "../client.ts";
import { openFileSink } from "../sink.ts";
import { openFileSource } from "../source.ts";

export interface StillClock extends Clock {
  advance(ms: number): void;
}

/** Only the waits between its attempts pass, and at once. */
export function uploadStill(
  clock: StillClock,
  path: string,
  { stateDir, ...options }: UploadOptions & { readonly stateDir: string },
): Transfer {
  const ports = { ...nodePorts(stateDir), clock, share: ALONE };
  return waitingAtOnce(
    clock,
    startUpload(() => openFileSource(path), options, ports),
  );
}

/** The same of a download to `path`. */
export function downloadStill(
  clock: StillClock,
  path: string,
  { stateDir, ...options }: DownloadOptions & { readonly stateDir: string },
): Transfer {
  const ports = { ...nodePorts(stateDir), clock, share: ALONE };
  return waitingAtOnce(
    clock,
    startDownload(() => openFileSink(path), options, ports),
  );
}

function waitingAtOnce(clock: StillClock, transfer: Transfer): Transfer {
  // It is told before its timer is set.
  transfer.on("retry", ({ waitMs }) => queueMicrotask(() => clock.advance(waitMs)));
  return transfer;
}
