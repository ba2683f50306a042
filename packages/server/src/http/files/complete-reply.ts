// The answer to whoever brought the last byte, the same however often it is asked for.
import type { Principal } from "@holdfast/engine";
import {
  encodeDigest,
  encodeStoredFile,
  encodeUpload,
  type SpokenVersion,
  type StoredFile,
  type UploadOffset,
} from "@holdfast/protocol";
import type { Front } from "../front.ts";
import { jsonReply, type Reply } from "../reply.ts";

interface Ending {
  readonly id: string;
  readonly version: SpokenVersion;
  readonly ends: UploadOffset;
}

/** The file; or, where its bytes are being read once more, the upload, whose status tells what comes of it. */
export async function completeReply(
  { engine }: Front,
  principal: Principal,
  { id, version, ends }: Ending,
): Promise<Reply> {
  if (ends.isComplete) return storedReply(await engine.finished(principal, id), version);
  const { codec, stamp } = version;
  const url = `/v1/uploads/${id}`;
  const fields = { location: url, ...codec.completeFields(url, ends), ...stamp };
  return jsonReply(202, encodeUpload(await engine.status(principal, id)), fields);
}

export function storedReply(file: StoredFile, { codec, stamp }: SpokenVersion): Reply {
  const { size: offset, url: fileUrl, upload, sha256 } = file;
  return jsonReply(201, encodeStoredFile(file), {
    ...codec.completeFields(`/v1/uploads/${upload}`, { offset, fileUrl }),
    ...(sha256 ? { "repr-digest": encodeDigest("sha-256", sha256) } : {}),
    ...stamp,
  });
}
