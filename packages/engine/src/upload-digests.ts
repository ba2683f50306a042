// The digests of an upload's parts, piece by piece: of 100,000 parts they are 3 MiB, and nobody who reads slowly keeps as much in memory.
import { DIGEST_SIZE, HoldfastError, partCount, type UploadView } from "@holdfast/protocol";
import { requireNotEnded } from "./claims.ts";
import { type Context, useUpload } from "./context.ts";
import type { Principal } from "./records.ts";
import { viewOf } from "./status.ts";

export interface UploadDigests {
  readonly view: UploadView;
  /** Of all pieces, in bytes. */
  readonly size: number;
  /** 32 bytes for each part of the grid as it was, zeros where it was not bound. */
  readonly pieces: AsyncGenerator<Uint8Array, void, void>;
}

/** A multiple of 3, so that the base64 of pieces stands side by side, and of the size of a digest. */
const PIECE_SIZE: number = 24 * 1024;

/**
 * The status, and the digests as they are when they are read: what is committed in between may stand there already.
 *
 * @throws HoldfastError `upload_not_found`, `upload_ended`; each piece what the policy says by then, and `upload_not_open` once the epoch is another one: a part may have been
 * taken back, what was read is not worth anything, and the asker begins again.
 */
export async function readUploadDigests(
  context: Context,
  principal: Principal,
  id: string,
): Promise<UploadDigests> {
  return useUpload(context, principal, "write", id, async (upload) => {
    if (upload.record.state === "expired") requireNotEnded(upload);
    const view = await viewOf(context, upload);
    const { epoch } = upload.record;
    const size = partCount(upload.record) * DIGEST_SIZE;
    async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
      for (let at = 0; at < size; at += PIECE_SIZE) {
        yield await useUpload(context, principal, "write", id, async (now) => {
          if (now.record.epoch !== epoch) throw new HoldfastError("upload_not_open");
          const piece = new Uint8Array(Math.min(PIECE_SIZE, size - at));
          piece.set(now.digests.subarray(at, at + piece.length));
          return piece;
        });
      }
    }
    return { view, size, pieces: pieces() };
  });
}
