// The one place that signs addresses and verifies them: part requests and read links go through the same two functions.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock, Policy, Principal } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { findKey, type Keyring } from "../../keys/keyring.ts";

/** What an address allows. Times in seconds since 1970. */
export interface Terms {
  readonly method: "PUT" | "GET";
  /** As the server writes it, without the query. */
  readonly path: string;
  /** The grant it was signed for: with the grant it ends. */
  readonly grant: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Everything else that is bound, in an order of its own for each kind of address. */
  readonly bound: readonly string[];
}

/** An address that somebody sent: nothing in it is trusted before `requireSigned`. */
export interface SignedTerms extends Terms {
  readonly kid: string;
  /** base64url. */
  readonly signature: string;
}

export interface SigningParts {
  readonly keys: () => Keyring;
  readonly policy: Policy;
  readonly clock: Clock;
}

/** Clocks of two machines may differ by this much. */
export const SKEW_S = 60;
const MAC_BYTES = 32;
/** 32 bytes in base64url; the last character has four bits of them, and two that are zero. */
const EXACT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const NO_SECRET: Uint8Array = new Uint8Array(MAC_BYTES);
const NOBODY: Principal = { id: "", tenant: "" };

export function sign(keys: Keyring, terms: Terms, by: Principal): string {
  const { kid, secret } = keys.current;
  return macOf(secret, kid, terms, by).toString("base64url");
}

/**
 * The principal that an address was signed for, with its rights as they are now.
 *
 * Every term is checked, whatever the others say; what is wrong with an address is told only to whoever has one that the server has signed.
 * @throws HoldfastError `signature_refused`, `storage_failed`
 */
export async function requireSigned(
  { keys, policy, clock }: SigningParts,
  signed: SignedTerms,
): Promise<Principal> {
  const key = findKey(keys(), signed.kid);
  const principal = await recall(policy, signed.grant);
  const expected = macOf(key?.secret ?? NO_SECRET, signed.kid, signed, principal ?? NOBODY);
  const sent = Buffer.alloc(MAC_BYTES);
  const size = sent.write(signed.signature, "base64url");
  const isSame = timingSafeEqual(sent, expected);
  // One text per signature: base64url that decodes to the same bytes in another way is refused too.
  const isExact = size === MAC_BYTES && EXACT.test(signed.signature);
  if (!key || !principal || !isSame || !isExact) throw refused("it is not one that is in force");
  const now = Math.floor(clock.now() / 1000);
  if (now + SKEW_S < signed.issuedAt) throw refused("its time has not come");
  if (now >= signed.expiresAt + SKEW_S) throw refused("it has expired");
  return principal;
}

/** Undefined once the grant has ended. */
async function recall(policy: Policy, grant: string): Promise<Principal | undefined> {
  try {
    return await policy.recall(grant);
  } catch (error) {
    if (isHoldfastError(error) && error.code === "unauthorized") return undefined;
    throw error;
  }
}

/**
 * Each field with its length before it, so that no field can be read as the end of one and the beginning of the next.
 *
 * The credential is in it, and nowhere in the address: with another secret the same grant has signed nothing, and nobody can try out secrets on an address.
 */
function macOf(secret: Uint8Array, kid: string, terms: Terms, by: Principal): Buffer {
  const { method, path, grant, issuedAt, expiresAt, bound } = terms;
  const times = [String(issuedAt), String(expiresAt)];
  const who = [by.tenant, grant, by.credential ?? ""];
  const mac = createHmac("sha256", secret);
  for (const field of ["holdfast/2", kid, method, path, ...who, ...times, ...bound]) {
    const bytes = Buffer.from(field, "utf8");
    const size = Buffer.alloc(4);
    size.writeUInt32BE(bytes.length);
    mac.update(size).update(bytes);
  }
  return mac.digest();
}

export function refused(why: string): HoldfastError {
  return new HoldfastError("signature_refused", `this signed address is refused: ${why}`);
}

/** A query with exactly these names, each of them once, or undefined. `extra` names may stand beside them. */
export function readExactly<Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
  extra: readonly string[] = [],
): Readonly<Record<Name, string>> | undefined {
  for (const name of query.keys()) {
    if (!extra.includes(name) && !names.some((known) => known === name)) return undefined;
  }
  const values: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const [value, second] = query.getAll(name);
    if (value === undefined || second !== undefined) return undefined;
    values[name] = value;
  }
  return isWhole(values, names) ? values : undefined;
}

function isWhole<Name extends string>(
  values: Partial<Record<Name, string>>,
  names: readonly Name[],
): values is Record<Name, string> {
  return names.every((name) => values[name] !== undefined);
}

/** A whole number as the server writes it, or undefined. */
export function readWhole(text: string): number | undefined {
  return /^(?:0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text))
    ? Number(text)
    : undefined;
}

/** When an address begins and ends, in seconds; `seconds` as the client wants it. */
export function lifetime(
  clock: Clock,
  seconds: number | undefined,
  { byDefault, most }: { readonly byDefault: number; readonly most: number },
): Pick<Terms, "issuedAt" | "expiresAt"> {
  const wanted = seconds ?? byDefault;
  if (wanted < 1 || wanted > most) {
    const field = "expiresIn";
    throw new HoldfastError("invalid_request", `expiresIn must be from 1 to ${most} seconds`, {
      field,
    });
  }
  const issuedAt = Math.floor(clock.now() / 1000);
  return { issuedAt, expiresAt: issuedAt + wanted };
}
