// The client for Node: uploads from paths, downloads to paths.
import { type DownloadOptions, startDownload } from "../download.ts";
import type { Transfer } from "../events.ts";
import { IN_FLIGHT_KEPT } from "../line.ts";
import type { Ports } from "../ports.ts";
import { type RepairOptions, startRepair } from "../repair.ts";
import { ALONE } from "../share.ts";
import { startUpload, type UploadOptions } from "../upload.ts";
import { nodePorts } from "./client.ts";
import { openCopySink } from "./copy-sink.ts";
import { openFileSink } from "./sink.ts";
import { openFileSource } from "./source.ts";

export * from "../index.ts";
export { type Client, type ClientOptions, createClient, nodePorts } from "./client.ts";
export { makeDirectory } from "./make-directory.ts";
export { systemClock } from "./platform.ts";

export interface NodeOptions {
  /** Directory of the checkpoints; HOLDFAST_STATE_DIR or the platform's place for such things by default. */
  readonly stateDir?: string;
}

/**
 * Uploads a file. The same file to the same server again goes on where the last upload of it stopped, also after a crash.
 *
 * Fails with `source_unreadable`, `source_changed`, `transfer_busy`, `insecure_transport`, `unauthorized` and other codes of the error table; a network
 * or a server that is away is no failure unless `giveUpMs` says so.
 */
export function upload(path: string, options: UploadOptions & NodeOptions): Transfer {
  return startUpload(() => openFileSource(path), options, alone(options));
}

/**
 * Downloads a file to `path`, every part verified; until it is whole it has a hidden name beside that, `.NAME.ROOT.part`. The same download again goes on where
 * the last one stopped. Of any other HTTP server with byte ranges and strong ETags it takes files too: pinned to one version, but only `sha256` says what they have
 * to be, and no token goes there. Fails with `sink_exists`, `sink_failed`, `download_corrupt`, `file_not_found` and others.
 */
export function download(
  url: string,
  path: string,
  options: Partial<DownloadOptions> & NodeOptions = {},
): Transfer {
  return startDownload(() => openFileSink(path), { ...MANY, ...options, url }, alone(options));
}

/**
 * Repairs the copy of a file at `path`: parts that differ or are missing are fetched and written in their place, verified; what lies behind the file's end is
 * cut. Nothing that is good is written to, so that it may be interrupted at any moment and done again. Fails with `source_unreadable` where there is no such
 * file, `sink_exists` where nothing in it is of that file (`force` takes it all the same), `sink_failed`, `download_corrupt`, `file_not_found` and others.
 */
export function repair(
  url: string,
  path: string,
  options: Partial<RepairOptions> & NodeOptions = {},
): Transfer {
  return startRepair(() => openCopySink(path), { ...MANY, ...options, url }, alone(options));
}

/** Where nobody says how many. */
const MANY = { inFlight: IN_FLIGHT_KEPT } as const;

function alone({ stateDir }: NodeOptions): Ports {
  return { ...nodePorts(stateDir), share: ALONE };
}
