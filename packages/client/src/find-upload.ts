// Which upload a local source is on its way in: what the checkpoint says.
import type { UploadId } from "@holdfast/protocol";
import { checkAddress } from "./auth.ts";
import { checkpointKey, decodeCheckpoint } from "./checkpoint.ts";
import type { CheckpointStore, Digester } from "./ports.ts";

export interface FindUploadOptions {
  /** The server's address. */
  readonly to: string;
  /** What a source of it calls itself, such as a path without symbolic links. */
  readonly identity: string;
}

/** The id of the upload to this server that the checkpoint names, or undefined; whether the server still has it, it knows itself. @throws HoldfastError `checkpoint_failed`, `usage` */
export async function findUpload(
  { to, identity }: FindUploadOptions,
  { checkpoints, digester }: { readonly checkpoints: CheckpointStore; readonly digester: Digester },
): Promise<UploadId | undefined> {
  const server = checkAddress(to, false);
  const text = await checkpoints.load(checkpointKey(digester, "upload", server, identity));
  return text === undefined ? undefined : decodeCheckpoint(digester, text)?.uploadId;
}
