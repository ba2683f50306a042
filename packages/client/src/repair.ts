// The repair of a copy: what of it is bad or missing is fetched and written in its place; what is good is only read.
import { type DownloadOptions, startDownload } from "./download.ts";
import type { Transfer } from "./events.ts";
import type { Ports, Sink } from "./ports.ts";

export interface RepairOptions extends Omit<DownloadOptions, "replace" | "resume"> {
  /** Also something that does not look like a copy of the file: it becomes one. */
  readonly force?: boolean;
}

/**
 * Starts a repair of what `openSink` opens, a sink that is its own working file. Bytes are written only into parts that are not as the manifest says, each once it
 * is verified, and what lies behind the file's end is cut last: at every moment, a crash included, all that was good is there. There is nothing to be kept for a
 * later one: the copy itself says what is left to do. `resumedBytes` of the result are those that were good.
 */
export function startRepair(
  openSink: () => Promise<Sink>,
  { force = false, ...options }: RepairOptions,
  ports: Ports,
): Transfer {
  return startDownload(openSink, { ...options, replace: force }, ports);
}
