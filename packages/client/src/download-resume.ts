// What a download finds of itself: parts that its journal names are believed, all others are read; where somebody may have been at the file since, the named ones are read as well, beside the transfer.
import {
  createPartSet,
  equalBytes,
  hasPart,
  type Manifest,
  type PartSet,
  partCount,
  partOffset,
  partSizeAt,
  removePart,
} from "@holdfast/protocol";
import { digestAt } from "./digest-table.ts";
import { type Content, type DownloadJob, openedSinkOf } from "./download-job.ts";
import { readJournal } from "./journal.ts";
import type { Working } from "./ports.ts";
import { indexesOf } from "./sample.ts";
import { verifyParts } from "./verify-parts.ts";

/** What of the working file can be gone on with. */
export async function findParts(
  job: DownloadJob,
  manifest: Manifest,
  { size, mark, note }: Working,
): Promise<Content> {
  const read = readJournal(job.ports.digester, manifest, note);
  if (read.kind === "ignored") {
    const detail = `the journal of this download ${read.why}: what there is is read again`;
    job.emit("notice", { code: "checkpoint_damaged", detail });
  }
  const none = createPartSet(partCount(manifest));
  const named = read.kind === "journal" ? within(manifest, read.parts, size) : none;
  const verified = await verifyParts(job, manifest, "working", size, named);
  // Nobody has written since it was named: it is as it was flushed.
  const isUntouched = read.kind === "journal" && read.mark !== "" && read.mark === mark;
  return { manifest, verified, doubtful: isUntouched ? none : named };
}

/** Without the parts that the file is too short for. */
function within(manifest: Manifest, parts: PartSet, size: number): PartSet {
  const kept = createPartSet(parts.partCount, parts.bits);
  for (const index of indexesOf(parts)) {
    if (partOffset(manifest, index) + partSizeAt(manifest, index) > size) removePart(kept, index);
  }
  return kept;
}

/** Reads what is doubtful, one part after another, until `signal` fires; what is bad is not verified any more. @throws HoldfastError `sink_failed` */
export async function readDoubtful(
  job: DownloadJob,
  { manifest, verified, doubtful }: Content,
  signal: AbortSignal,
): Promise<void> {
  const { sink } = openedSinkOf(job);
  const { digester } = job.ports;
  const buffer = new Uint8Array(Math.min(manifest.partSize, manifest.size));
  for (const index of indexesOf(createPartSet(doubtful.partCount, doubtful.bits))) {
    if (signal.aborted) return;
    const bytes = buffer.subarray(0, partSizeAt(manifest, index));
    const count = await sink.read("working", partOffset(manifest, index), bytes);
    const digest = await digester.digest(bytes, manifest.algorithm);
    const isGood = count === bytes.length && equalBytes(digest, digestAt(manifest.digests, index));
    removePart(doubtful, index);
    if (isGood || !hasPart(verified, index)) continue;
    removePart(verified, index);
    const detail = `part ${index} was changed on this disk since it arrived, and is fetched again`;
    job.emit("notice", { code: "checkpoint_damaged", detail });
  }
}
