// Which parts of a file lie in a sink as its manifest has them. Nothing is believed that was not read.
import {
  addPart,
  createPartSet,
  equalBytes,
  hasPart,
  type Manifest,
  type PartSet,
  partCount,
  partOffset,
  partSizeAt,
} from "@holdfast/protocol";
import { digestAt } from "./digest-table.ts";
import { type DownloadJob, openedSinkOf } from "./download-job.ts";

/** `size` is how many bytes there are; what is believed is not read. */
export async function verifyParts(
  job: DownloadJob,
  manifest: Manifest,
  file: "whole" | "working",
  size: number,
  believed?: PartSet,
): Promise<PartSet> {
  const { sink } = openedSinkOf(job);
  const verified = createPartSet(partCount(manifest), believed?.bits);
  const buffer = job.buffers.take(Math.min(manifest.partSize, manifest.size));
  for (let index = 0; index < verified.partCount; index++) {
    if (hasPart(verified, index)) continue;
    const offset = partOffset(manifest, index);
    const bytes = buffer.subarray(0, partSizeAt(manifest, index));
    if (offset + bytes.length > size) break;
    // What a disk does not give back is as bad as other bytes; those behind it may be good.
    if ((await sink.read(file, offset, bytes)) < bytes.length) continue;
    const digest = await job.ports.digester.digest(bytes, manifest.algorithm);
    if (equalBytes(digest, digestAt(manifest.digests, index))) addPart(verified, index);
  }
  job.buffers.give(buffer);
  return verified;
}
