// What a download finds of itself: parts that its journal names are believed, all others are read if they can be judged; where somebody may have been at the file since, the named ones are read as well, beside the transfer.
import {
  countParts,
  createPartSet,
  equalBytes,
  hasPart,
  type PartSet,
  partCount,
  partOffset,
  partSizeAt,
  removePart,
} from "@holdfast/protocol";
import { digestAt } from "./digest-table.ts";
import { type Content, type DownloadJob, openedSinkOf } from "./download-job.ts";
import { readJournal } from "./journal.ts";
import type { Pin, Version } from "./pin.ts";
import type { Working } from "./ports.ts";
import { indexesOf } from "./sample.ts";
import { verifyParts } from "./verify-parts.ts";

/** What of the working file can be gone on with. */
export async function findParts(
  job: DownloadJob,
  version: Version,
  pinWith: (known: PartSet) => Pin,
  { size, mark, note }: Working,
): Promise<Content> {
  const none = createPartSet(partCount(version));
  const { kind } = pinWith(none);
  const read = readJournal(job.ports.digester, version, kind, note);
  if (read.kind === "ignored") {
    const detail = `the journal of this download ${read.why}: what there is is read again`;
    job.emit("notice", { code: "checkpoint_damaged", detail });
  }
  const named = read.kind === "journal" ? within(version, read.parts, size) : none;
  if (read.kind === "journal" && countParts(named) < countParts(read.parts)) {
    const detail =
      "what was kept of this download is shorter than it was: the rest is fetched again";
    job.emit("notice", { code: "checkpoint_damaged", detail });
  }
  if (read.kind === "journal" && read.digests) version.digests.set(read.digests);
  const pin = pinWith(createPartSet(named.partCount, named.bits));
  const verified = await verifyParts(job, { version, pin }, "working", size, named);
  // Nobody has written since it was named: it is as it was flushed.
  const isUntouched = read.kind === "journal" && read.mark !== "" && read.mark === mark;
  return { version, pin, verified, doubtful: isUntouched ? none : named };
}

/** Without the parts that the file is too short for. */
function within(version: Version, parts: PartSet, size: number): PartSet {
  const kept = createPartSet(parts.partCount, parts.bits);
  for (const index of indexesOf(parts)) {
    if (partOffset(version, index) + partSizeAt(version, index) > size) removePart(kept, index);
  }
  return kept;
}

/** Reads what is doubtful, one part after another, until `signal` fires; what is bad is not verified any more. @throws HoldfastError `sink_failed` */
export async function readDoubtful(
  job: DownloadJob,
  { version, verified, doubtful }: Content,
  signal: AbortSignal,
): Promise<void> {
  const { sink } = openedSinkOf(job);
  const { digester } = job.ports;
  const buffer = new Uint8Array(Math.min(version.partSize, version.size));
  for (const index of indexesOf(createPartSet(doubtful.partCount, doubtful.bits))) {
    if (signal.aborted) return;
    const bytes = buffer.subarray(0, partSizeAt(version, index));
    const count = await sink.read("working", partOffset(version, index), bytes);
    const digest = await digester.digest(bytes, version.algorithm);
    const isGood = count === bytes.length && equalBytes(digest, digestAt(version.digests, index));
    removePart(doubtful, index);
    if (isGood || !hasPart(verified, index)) continue;
    removePart(verified, index);
    const detail = `part ${index} was changed on this disk since it arrived, and is fetched again`;
    job.emit("notice", { code: "checkpoint_damaged", detail });
  }
}
