// What a download knows while it runs: its sink, the file's manifest, which parts are there.
import { encodeHex, HoldfastError, type Manifest, type PartSet } from "@holdfast/protocol";
import type { Buffers } from "./buffers.ts";
import type { DownloadOptions } from "./download.ts";
import type { Journal } from "./download-journal.ts";
import type { Emitter } from "./events.ts";
import { fileIdOf, plainAddress } from "./file-address.ts";
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
  /** Of the file, in hexadecimal, once its manifest is known: names the working file. */
  root: string | undefined;
  content: Content | undefined;
  /** While there is a working file that can be gone on with. */
  journal: Journal | undefined;
  /** The reading of what is doubtful. */
  reading: Reading | undefined;
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
  readonly manifest: Manifest;
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
  throw new HoldfastError("internal", "the manifest is not there yet");
}

/** The strong validator that pins every request to this version: the ETag of a file is its root. */
export function entityTag({ root }: Manifest): string {
  return `"${encodeHex(root)}"`;
}

export function finishedOf(job: DownloadJob): Finished {
  const { url } = openedSinkOf(job);
  const { manifest } = contentOf(job);
  return {
    id: fileIdOf(url),
    url: plainAddress(url),
    size: manifest.size,
    root: encodeHex(manifest.root),
  };
}
