// Upload-Checksum of tus 1.0.0: a digest over the body of one request, in the header or behind the body.
import { decodeBase64 } from "./base64.ts";
import { HoldfastError } from "./errors.ts";

/** Algorithms by their names in tus, with the size of their digests in bytes. */
const CHECKSUMS = { sha1: 20, sha256: 32, sha512: 64, crc32c: 4 } as const;

export type ChecksumAlgorithm = keyof typeof CHECKSUMS;

export const CHECKSUM_ALGORITHMS: readonly ChecksumAlgorithm[] = [
  ...(["sha1", "sha256", "sha512", "crc32c"] as const),
];

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: Uint8Array;
}

/**
 * What the field says; numbers stand in it with their highest byte first.
 * @throws HoldfastError `invalid_digest` where it is malformed or names an algorithm that is not known here.
 */
export function decodeChecksum(field: string): Checksum {
  const [, name = "", base64 = ""] = /^([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(field) ?? [];
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name);
  const value = decodeBase64(base64);
  if (!algorithm) throw malformed(`its algorithm must be one of ${CHECKSUM_ALGORITHMS.join(", ")}`);
  if (value?.length !== CHECKSUMS[algorithm]) throw malformed(`it is no ${algorithm} in Base64`);
  return { algorithm, value };
}

/** Whether the trailer section that a request announces will have the checksum of its body. */
export function announcesChecksum(trailer: string | undefined): boolean {
  return (trailer ?? "").split(",").some((name) => name.trim().toLowerCase() === "upload-checksum");
}

function malformed(why: string): HoldfastError {
  return new HoldfastError("invalid_digest", `upload-checksum is malformed: ${why}`, {
    field: "upload-checksum",
  });
}
