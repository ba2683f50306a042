// Which uploads a local source is on its way in: what the checkpoints say.
import type { UploadId } from "@holdfast/protocol";
import { decodeCheckpoint } from "./checkpoint.ts";
import type { CheckpointStore, Digester } from "./ports.ts";

export interface KnownUpload {
  /** The server's address. */
  readonly server: string;
  readonly id: UploadId;
}

/**
 * The uploads of a source that checkpoints name, one for each server, the latest last; whether their servers still have them, they know themselves. `identity` is what the source calls
 * itself, such as a path without symbolic links.
 *
 * @throws HoldfastError `checkpoint_failed`
 */
export async function findUploads(
  identity: string,
  { checkpoints, digester }: { readonly checkpoints: CheckpointStore; readonly digester: Digester },
): Promise<readonly KnownUpload[]> {
  const found: KnownUpload[] = [];
  for (const { value } of await checkpoints.list()) {
    const checkpoint = decodeCheckpoint(digester, value);
    if (checkpoint?.source !== identity) continue;
    found.push({ server: checkpoint.server, id: checkpoint.uploadId });
  }
  return found;
}
