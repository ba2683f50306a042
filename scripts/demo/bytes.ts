// Random bytes by the gigabyte, and the SHA-256 of files.
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";

const PIECE = 4 * 2 ** 20;

/** Writes `size` bytes that no compression and no deduplication can shrink; resolves with their SHA-256. A cipher's key stream is the fastest source of those. */
export async function makeRandomFile(path: string, size: number): Promise<string> {
  const stream = createCipheriv("aes-256-ctr", randomBytes(32), randomBytes(16));
  const zeros = Buffer.alloc(PIECE);
  const digest = createHash("sha256");
  const file = await open(path, "wx");
  try {
    for (let left = size; left > 0; left -= PIECE) {
      const piece = stream.update(left < PIECE ? zeros.subarray(0, left) : zeros);
      digest.update(piece);
      await file.write(piece);
    }
  } finally {
    await file.close();
  }
  return digest.digest("hex");
}

export async function digestOfFile(path: string): Promise<string> {
  const digest = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: PIECE })) digest.update(piece);
  return digest.digest("hex");
}
