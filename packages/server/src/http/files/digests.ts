// The digests that a download's answer carries where its request asks for them (RFC 9530).

import type { FileRecord } from "@holdfast/engine";
import { type ByteRange, encodeDigest, MIB, partCount, wantsDigest } from "@holdfast/protocol";
import type { Front } from "../front.ts";
import type { Headers } from "../reply.ts";
import type { Request } from "../request.ts";

/** Bytes that are read once more only to digest them. */
const READ_AGAIN_MAX: number = MIB;

/**
 * `Content-Digest` of the bytes that go out and `Repr-Digest` of the whole, each only where it is asked for and is known, or costs little.
 * A `Repr-Digest` that was verified goes with every answer, asked for or not (`fileHeaders`); that of a file of one part is its part's.
 */
export async function wantedDigests(
  front: Front,
  request: Request,
  file: FileRecord,
  sent: ByteRange,
): Promise<Headers> {
  const whole = { start: 0, end: file.size };
  const repr =
    wants(request, "repr") && !file.sha256 ? await knownOf(front, file, whole) : undefined;
  // The answer to a HEAD has no content to be digested.
  const isAsked = request.method === "GET" && wants(request, "content");
  const content = isAsked
    ? ((await knownOf(front, file, sent)) ?? (await readAgain(front, file, sent)))
    : undefined;
  return {
    ...(repr ? { "repr-digest": encodeDigest("sha-256", repr) } : {}),
    ...(content ? { "content-digest": encodeDigest("sha-256", content) } : {}),
  };
}

/** The one algorithm that RFC 9530 calls secure and that is everywhere. */
export function wants({ header }: Request, which: "content" | "repr"): boolean {
  return wantsDigest(header(`want-${which}-digest`), "sha-256");
}

/** That of the whole where it was proved, that of a part by the file's manifest. */
async function knownOf(
  { engine }: Front,
  file: FileRecord,
  { start, end }: ByteRange,
): Promise<Uint8Array | undefined> {
  if (file.sha256 && start === 0 && end === file.size) return file.sha256;
  const index = start / file.partSize;
  const isPart = index < partCount(file) && end === Math.min(start + file.partSize, file.size);
  if (file.algorithm !== "sha-256" || !Number.isInteger(index) || !isPart) return undefined;
  return (await engine.proof(file, index)).digest;
}

async function readAgain(
  { engine, digests }: Front,
  file: FileRecord,
  sent: ByteRange,
): Promise<Uint8Array | undefined> {
  if (sent.end - sent.start > READ_AGAIN_MAX) return undefined;
  const running = digests.create();
  for await (const piece of engine.read(file, sent)) running.update(piece);
  return running.digest();
}
