// What a download knows while it runs: its sink, the version of the file, which parts are there.
import { computeRoot, encodeHex, HoldfastError, type PartSet } from "@holdfast/protocol";
import type { Buffers } from "./buffers.ts";
import type { DownloadOptions } from "./download.ts";
import type { Journal } from "./download-journal.ts";
import type { Emitter } from "./events.ts";
import { fileIdOf, isFileAddress, plainAddress } from "./file-address.ts";
import type { HeadStart } from "./head-start.ts";
import type { Pin, Version } from "./pin.ts";
import type { Ports, Sink } from "./ports.ts";
import type { Finished } from "./state.ts";
import type { Wire } from "./wire.ts";

export interface DownloadJob {
  readonly options: DownloadOptions;
  readonly ports: Ports;
  readonly wire: Wire;
  readonly emit: Emitter["emit"];
  readonly buffers: Buffers;
  readonly openSink: () => Promise<Sink>;
  opened: OpenedSink | undefined;
  /** Of the version, in hexadecimal, once that is known: names the working file. */
  root: string | undefined;
  content: Content | undefined;
  /** While there is a working file that can be gone on with. */
  journal: Journal | undefined;
  /** Parts that came and did not have their digest: the server is asked to look at what it has stored before it sends them again. */
  readonly mismatched: Set<number>;
  /** The first bytes of parts that were cut, by their index: the next run that begins there goes on behind them. */
  readonly begun: Map<number, Uint8Array>;
  /** Where nothing of the file is there yet: its first bytes, asked for beside the manifest. */
  head: HeadStart | undefined;
  /** The reading of what is doubtful. */
  reading: Reading | undefined;
  /** That it has begun is being noted; never rejects. */
  noting: Promise<void> | undefined;
}

export interface Reading {
  readonly done: Promise<void>;
  stop(): void;
}

/** What `open` took and `close` gives back. */
export interface OpenedSink {
  readonly url: string;
  readonly sink: Sink;
  readonly release: () => void;
  /** Nobody else is at it: there is the claim, or there can be none. Before, nothing may be removed. */
  readonly isOurs: boolean;
}

/** The one version of the file that this download is of. */
export interface Content {
  readonly version: Version;
  readonly pin: Pin;
  /** Parts whose bytes in the working file have been verified; grows, and shrinks where bytes on disk prove bad. */
  readonly verified: PartSet;
  /** Of these, those that only the journal names, of a file that somebody may have been at since; shrinks as they are read. */
  readonly doubtful: PartSet;
}

export function openedSinkOf(job: DownloadJob): OpenedSink {
  if (job.opened) return job.opened;
  throw new HoldfastError("internal", "the sink is not open");
}

export function contentOf(job: DownloadJob): Content {
  if (job.content) return job.content;
  throw new HoldfastError("internal", "the version is not known yet");
}

/** A file of any server has no id but its address, and the root that its parts make here. */
export function finishedOf(job: DownloadJob): Finished {
  const { version, pin } = contentOf(job);
  const { size, root } = version;
  if (pin.kind === "manifest") return { ...shownOf(job), size, root: encodeHex(root) };
  const made = computeRoot(job.ports.digester.sha256, version);
  return { ...shownOf(job), size, root: encodeHex(made) };
}

/** How the file is called where it is told of. */
export function shownOf(job: DownloadJob): { readonly id: string; readonly url: string } {
  const { url } = openedSinkOf(job);
  const shown = plainAddress(url);
  return { id: isFileAddress(url) ? fileIdOf(url) : shown, url: shown };
}
