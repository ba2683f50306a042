// tokens.json: who may come in, by the ids of their tokens. Its codec, and what each entry may say.
import type { Limits } from "@holdfast/engine";
import { isWellFormed } from "@holdfast/protocol";

export const TOKENS_FILE = "tokens.json";

export const SCOPES = ["read", "write", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** Times in milliseconds since 1970. */
export interface TokenEntry {
  readonly id: string;
  /** SHA-256 of the secret, in hexadecimal. */
  readonly hash: string;
  /** For people. */
  readonly name: string;
  readonly tenant: string;
  readonly principal: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt?: number;
  /** These stand over the server's own, one by one. */
  readonly limits?: Limits;
}

/** By id, in the order in which they were made. */
export type TokenTable = ReadonlyMap<string, TokenEntry>;

const VERSION = 1;
const WORD = /^[A-Za-z0-9][A-Za-z0-9@._+-]{0,63}$/;
export const LIMIT_NAMES = ["sizeMax", "openMax", "bytesMax", "partsInFlightMax"] as const;

/** A tenant or a principal: words that stand in records, logs and file names of other tools. */
export function isWord(text: unknown): text is string {
  return typeof text === "string" && WORD.test(text);
}

export function isTokenName(text: unknown): text is string {
  return (
    typeof text === "string" &&
    text.length <= 100 &&
    isWellFormed(text) &&
    !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)
  );
}

export function encodeTable(table: TokenTable): string {
  const tokens = [...table.values()];
  return `${JSON.stringify({ version: VERSION, tokens }, undefined, 2)}\n`;
}

/** @throws Error saying what is wrong: an entry that cannot be understood is never passed over, it may be the one that takes a right away. */
export function decodeTable(text: string): TokenTable {
  const { version, tokens } = membersOf(JSON.parse(text), "it");
  if (typeof version === "number" && version > VERSION) {
    throw new Error(
      `it has version ${version}, written by a newer Holdfast; this one reads ${VERSION}`,
    );
  }
  if (version !== VERSION || !Array.isArray(tokens)) throw new Error("it is no list of tokens");
  const table = new Map<string, TokenEntry>();
  for (const [at, value] of tokens.entries()) {
    const entry = decodeEntry(value, `token ${at + 1}`);
    if (table.has(entry.id)) throw new Error(`there are two tokens ${entry.id}`);
    table.set(entry.id, entry);
  }
  return table;
}

function decodeEntry(value: unknown, where: string): TokenEntry {
  const { id, hash, name, tenant, principal, scopes, createdAt, expiresAt, limits } = membersOf(
    value,
    where,
  );
  if (typeof id !== "string" || !/^[a-z2-7]{8}$/.test(id)) throw wrong(where, "id");
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) throw wrong(where, "hash");
  if (!isTokenName(name)) throw wrong(where, "name");
  if (!isWord(tenant)) throw wrong(where, "tenant");
  if (!isWord(principal)) throw wrong(where, "principal");
  if (!Array.isArray(scopes) || !scopes.every(isScope)) throw wrong(where, "scopes");
  if (!isTime(createdAt)) throw wrong(where, "createdAt");
  if (expiresAt !== undefined && !isTime(expiresAt)) throw wrong(where, "expiresAt");
  return {
    id,
    hash,
    name,
    tenant,
    principal,
    scopes,
    createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(limits === undefined ? {} : { limits: decodeLimits(limits, `the limits of ${where}`) }),
  };
}

export function isScope(value: unknown): value is Scope {
  return SCOPES.some((scope) => scope === value);
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A limit that is misspelt would be no limit. */
function decodeLimits(value: unknown, where: string): Limits {
  const members = membersOf(value, where);
  const limits: Partial<Record<(typeof LIMIT_NAMES)[number], number>> = {};
  for (const [given, amount] of Object.entries(members)) {
    const name = LIMIT_NAMES.find((known) => known === given);
    if (!name || typeof amount !== "number" || !Number.isSafeInteger(amount) || amount < 0) {
      throw wrong(where, given);
    }
    limits[name] = amount;
  }
  return limits;
}

function membersOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value));
  }
  throw new Error(`${where} is no object`);
}

function wrong(where: string, member: string): Error {
  return new Error(`${member} of ${where} is not what it should be`);
}
