// Which parts of a file lie in a sink as its version has them. Nothing is believed that was not read.
import {
  addPart,
  createPartSet,
  equalBytes,
  hasPart,
  type PartSet,
  partCount,
  partOffset,
  partSizeAt,
} from "@holdfast/protocol";
import { digestAt } from "./digest-table.ts";
import { type Content, type DownloadJob, openedSinkOf } from "./download-job.ts";

/** `size` is how many bytes there are; what is believed is not read. */
export async function verifyParts(
  job: DownloadJob,
  { version, pin }: Pick<Content, "version" | "pin">,
  file: "whole" | "working",
  size: number,
  believed?: PartSet,
): Promise<PartSet> {
  const { sink } = openedSinkOf(job);
  const verified = createPartSet(partCount(version), believed?.bits);
  const buffer = job.buffers.take(Math.min(version.partSize, version.size));
  for (let index = 0; index < verified.partCount; index++) {
    // Of what has no digest, whatever lies there says nothing.
    if (hasPart(verified, index) || !hasPart(pin.known, index)) continue;
    const offset = partOffset(version, index);
    const bytes = buffer.subarray(0, partSizeAt(version, index));
    if (offset + bytes.length > size) break;
    // What a disk does not give back is as bad as other bytes; those behind it may be good.
    if ((await sink.read(file, offset, bytes)) < bytes.length) continue;
    const digest = await job.ports.digester.digest(bytes, version.algorithm);
    if (equalBytes(digest, digestAt(version.digests, index))) addPart(verified, index);
  }
  job.buffers.give(buffer);
  return verified;
}
