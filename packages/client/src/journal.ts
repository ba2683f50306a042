// The journal of a download: which parts lie in its working file for good. It stands beside that file, behind a digest of its own.
import {
  canonicalJson,
  createPartSet,
  decodeHex,
  encodeHex,
  type Manifest,
  type PartSet,
  partCount,
} from "@holdfast/protocol";
import { seal, unseal } from "./checkpoint.ts";
import type { Digester } from "./ports.ts";

const VERSION = 1;

export interface Noted {
  /** Flushed before they were named. */
  readonly parts: PartSet;
  /** Of the working file after that flush, as its sink tells it; empty where not every one of the parts has been read by who named them. */
  readonly mark: string;
}

/** What is ignored is ignored as a whole: then everything is read again. */
export type JournalRead =
  | ({ readonly kind: "journal" } & Noted)
  | { readonly kind: "none" }
  | { readonly kind: "ignored"; readonly why: string };

export function encodeJournal(
  digester: Digester,
  { root }: Manifest,
  { parts, mark }: Noted,
): string {
  const fields = { kind: "journal", version: VERSION, root: encodeHex(root), mark };
  return seal(digester, canonicalJson({ ...fields, parts: encodeHex(parts.bits) }));
}

export function readJournal(
  digester: Digester,
  manifest: Manifest,
  text: string | undefined,
): JournalRead {
  if (text === undefined) return { kind: "none" };
  const fields = unseal(digester, text);
  if (fields?.get("kind") !== "journal") return { kind: "ignored", why: "is torn" };
  if (fields.get("version") !== VERSION) return { kind: "ignored", why: "is of another version" };
  if (fields.get("root") !== encodeHex(manifest.root)) {
    return { kind: "ignored", why: "is of another file" };
  }
  const [hex, mark] = [fields.get("parts"), fields.get("mark")];
  const bits = typeof hex === "string" ? decodeHex(hex) : undefined;
  const count = partCount(manifest);
  if (bits?.length !== Math.ceil(count / 8) || typeof mark !== "string") {
    return { kind: "ignored", why: "is torn" };
  }
  return { kind: "journal", parts: createPartSet(count, bits), mark };
}
