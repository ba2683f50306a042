// The keys that addresses are signed with: derived from a master key, named by an id that tells nothing of it.
import { hkdfSync } from "node:crypto";
import { encodeBase32, HoldfastError } from "@holdfast/protocol";

export interface SigningKey {
  /** Stands in every address that it signs. */
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** What signs now, and what still verifies: the key before it, until the next rotation. */
export interface Keyring {
  readonly current: SigningKey;
  readonly previous?: SigningKey | undefined;
}

const KID_BYTES = 5;
const SECRET_BYTES = 32;

/** Master keys as bytes. */
export function keyringOf(current: Uint8Array, previous?: Uint8Array): Keyring {
  return { current: derive(current), previous: previous && derive(previous) };
}

export function findKey({ current, previous }: Keyring, kid: string): SigningKey | undefined {
  if (kid === current.kid) return current;
  return kid === previous?.kid ? previous : undefined;
}

/** HKDF (RFC 5869): what the master key is used for elsewhere one day has nothing to do with what it signs here. */
function derive(master: Uint8Array): SigningKey {
  const kid = encodeBase32(expand(master, "holdfast/1 key id", KID_BYTES));
  return { kid, secret: expand(master, `holdfast/1 presign ${kid}`, SECRET_BYTES) };
}

function expand(master: Uint8Array, info: string, size: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", master, new Uint8Array(), info, size));
}

const MASTER_BYTES_MIN = 32;
/** 32 random bytes have 30 different ones on average, and fewer than 16 never. */
const DISTINCT_MIN = 16;

/**
 * A master key from its text, in hexadecimal or base64.
 *
 * @param where Names it in the error, which never shows any of it.
 * @throws HoldfastError `weak_key` where it is too short, or of bytes that nobody drew at random.
 */
export function readMasterKey(text: string, where: string): Uint8Array {
  const trimmed = text.trim();
  const isHex = /^(?:[0-9a-f]{2})+$/i.test(trimmed);
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed);
  if (!isHex && !isBase64) throw weak(where, "it is neither hexadecimal nor base64");
  const key = Buffer.from(trimmed, isHex ? "hex" : "base64");
  if (key.length < MASTER_BYTES_MIN) {
    throw weak(where, `it has ${key.length} bytes, and ${MASTER_BYTES_MIN} are the least`);
  }
  if (new Set(key).size < DISTINCT_MIN || isSequence(key)) {
    throw weak(where, "its bytes are a pattern, not random");
  }
  return key;
}

/** Such as 00 01 02 03, which stands in many an example. */
function isSequence(key: Uint8Array): boolean {
  const steps = new Set(key.subarray(1).map((byte, at) => byte - (key[at] ?? 0)));
  return steps.size <= 2;
}

function weak(where: string, why: string): HoldfastError {
  return new HoldfastError("weak_key", `${where} is no good key: ${why}`, { where });
}
