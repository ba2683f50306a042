// The journal of a download: which parts lie in its working file for good. It stands beside that file, behind a digest of its own.
import {
  canonicalJson,
  createPartSet,
  DIGEST_SIZE,
  decodeBase64,
  decodeHex,
  encodeBase64,
  encodeHex,
  type PartSet,
  partCount,
} from "@holdfast/protocol";
import { seal, unseal } from "./checkpoint.ts";
import { digestAt } from "./digest-table.ts";
import type { Pin, Version } from "./pin.ts";
import type { Digester } from "./ports.ts";
import { indexesOf } from "./sample.ts";

const VERSION = 1;

export interface Noted {
  /** Flushed before they were named. */
  readonly parts: PartSet;
  /** Of the working file after that flush, as its sink tells it; empty where not every one of the parts has been read by who named them. */
  readonly mark: string;
  /** Of all parts, one after another, where no manifest has them. */
  readonly digests: Uint8Array | undefined;
}

/** What is ignored is ignored as a whole: then everything is read again. */
export type JournalRead =
  | ({ readonly kind: "journal" } & Noted)
  | { readonly kind: "none" }
  | { readonly kind: "ignored"; readonly why: string };

export function encodeJournal(
  digester: Digester,
  { root }: Version,
  { parts, mark, digests }: Noted,
): string {
  const fields = { kind: "journal", version: VERSION, root: encodeHex(root), mark };
  const known = digests && { digests: encodeBase64(namedOnly(parts, digests)) };
  return seal(digester, canonicalJson({ ...fields, parts: encodeHex(parts.bits), ...known }));
}

/** One part's behind the other's, in order. */
function namedOnly(parts: PartSet, digests: Uint8Array): Uint8Array {
  const named = [...indexesOf(parts)].map((index) => digestAt(digests, index));
  const all = new Uint8Array(named.length * DIGEST_SIZE);
  for (const [at, digest] of named.entries()) all.set(digest, at * DIGEST_SIZE);
  return all;
}

/** Undefined where there are not as many as there are parts. */
function spread(parts: PartSet, text: unknown): Uint8Array | undefined {
  const named = typeof text === "string" ? decodeBase64(text) : undefined;
  const indexes = [...indexesOf(parts)];
  if (named?.length !== indexes.length * DIGEST_SIZE) return undefined;
  const all = new Uint8Array(parts.partCount * DIGEST_SIZE);
  for (const [at, index] of indexes.entries()) all.set(digestAt(named, at), index * DIGEST_SIZE);
  return all;
}

export function readJournal(
  digester: Digester,
  version: Version,
  kind: Pin["kind"],
  text: string | undefined,
): JournalRead {
  if (text === undefined) return { kind: "none" };
  const fields = unseal(digester, text);
  if (fields?.get("kind") !== "journal") return { kind: "ignored", why: "is torn" };
  if (fields.get("version") !== VERSION) return { kind: "ignored", why: "is of another version" };
  if (fields.get("root") !== encodeHex(version.root)) {
    return { kind: "ignored", why: "is of another file" };
  }
  const [hex, mark] = [fields.get("parts"), fields.get("mark")];
  const bits = typeof hex === "string" ? decodeHex(hex) : undefined;
  const count = partCount(version);
  if (bits?.length !== Math.ceil(count / 8) || typeof mark !== "string") {
    return { kind: "ignored", why: "is torn" };
  }
  const parts = createPartSet(count, bits);
  const digests = kind === "etag" ? spread(parts, fields.get("digests")) : undefined;
  if (kind === "etag" && !digests) return { kind: "ignored", why: "is torn" };
  return { kind: "journal", parts, mark, digests };
}
