// The checkpoint of an upload: what the client must remember to go on with it, with a digest of its own.
import {
  canonicalJson,
  decodeHex,
  encodeHex,
  equalBytes,
  type FileId,
  isFileId,
  isUploadId,
  type UploadId,
} from "@holdfast/protocol";
import { parseJson } from "./parse-json.ts";
import type { Digester, Fingerprint } from "./ports.ts";

const VERSION = 2;
const UTF8 = new TextEncoder();

/** Which parts are committed does not stand here: the server knows, and its list always wins. */
export interface Checkpoint {
  /** The server's address. */
  readonly server: string;
  readonly uploadId: UploadId;
  readonly fingerprint: Fingerprint;
  readonly partSize: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly createdAt: number;
  /** What names the source on this machine: who knows only this record can go on with it. */
  readonly source?: string;
  /** What was asked for besides the bytes: canonical JSON of name, type and metadata. */
  readonly choices?: string;
  /** What its file has to stand before it is published. */
  readonly sha256?: string;
  readonly verify?: string;
  /** Once it is complete: the record of the upload is forgotten by its server, the file is not. */
  readonly file?: CompleteFile;
}

export interface CompleteFile {
  readonly id: FileId;
  /** Lower-case hexadecimal. */
  readonly root: string;
}

/** Names one source on its way to one server. */
export function checkpointKey(digester: Digester, ...parts: readonly string[]): string {
  return encodeHex(digester.sha256(UTF8.encode(parts.join("\n"))));
}

/** Times may have a fraction and `ino` may be beyond all safe integers, for which canonical JSON has no form: they travel as text. */
function canonical(checkpoint: Checkpoint): string {
  const { fingerprint, file, ...rest } = checkpoint;
  const { size, ...marks } = fingerprint;
  const texts = Object.entries(marks).map(([name, mark]) => [name, String(mark)]);
  const done = file ? { fileId: file.id, root: file.root } : {};
  return canonicalJson({ version: VERSION, ...rest, ...done, size, ...Object.fromEntries(texts) });
}

export function encodeCheckpoint(digester: Digester, checkpoint: Checkpoint): string {
  return seal(digester, canonical(checkpoint));
}

/** A text behind its own digest. */
export function seal(digester: Digester, text: string): string {
  return `${encodeHex(digester.sha256(UTF8.encode(text)))} ${text}`;
}

/** The members of the object in a sealed text, or undefined where it is torn, altered or none. */
export function unseal(digester: Digester, text: string): ReadonlyMap<string, unknown> | undefined {
  const [, hex, body] = /^([0-9a-f]{64}) (\{.*\})$/s.exec(text) ?? [];
  const digest = hex === undefined ? undefined : decodeHex(hex);
  if (!digest || body === undefined) return undefined;
  if (!equalBytes(digester.sha256(UTF8.encode(body)), digest)) return undefined;
  const value = parseJson(body);
  if (typeof value !== "object" || value === null) return undefined;
  return new Map<string, unknown>(Object.entries(value));
}

/** The checkpoint in a text, or undefined where it is torn, altered, or of another version: it is only a hint, so it is ignored. */
export function decodeCheckpoint(digester: Digester, text: string): Checkpoint | undefined {
  const fields = unseal(digester, text);
  if (!fields) return undefined;
  const [server, uploadId] = [fields.get("server"), fields.get("uploadId")];
  const [size, partSize, createdAt] = ["size", "partSize", "createdAt"].map((name) =>
    wholeOrNone(fields.get(name)),
  );
  const [mtimeMs, ctimeMs, ino] = ["mtimeMs", "ctimeMs", "ino"].map((name) =>
    numberOrNone(fields.get(name)),
  );
  if (fields.get("version") !== VERSION) return undefined;
  if (mtimeMs === undefined || ctimeMs === undefined || ino === undefined) return undefined;
  if (typeof server !== "string" || typeof uploadId !== "string" || !isUploadId(uploadId))
    return undefined;
  if (size === undefined || !partSize || createdAt === undefined) return undefined;
  const fingerprint = { size, mtimeMs, ctimeMs, ino };
  return { server, uploadId, fingerprint, partSize, createdAt, ...moreOf(fields) };
}

/** What an older version did not write. */
function moreOf(
  fields: ReadonlyMap<string, unknown>,
): Pick<Checkpoint, "source" | "choices" | "sha256" | "verify" | "file"> {
  const [source, choices] = [fields.get("source"), fields.get("choices")];
  const [sha256, verify] = [fields.get("sha256"), fields.get("verify")];
  const [id, root] = [fields.get("fileId"), fields.get("root")];
  const isFile = typeof id === "string" && isFileId(id) && typeof root === "string";
  return {
    ...(typeof source === "string" ? { source } : {}),
    ...(typeof choices === "string" ? { choices } : {}),
    ...(typeof sha256 === "string" ? { sha256 } : {}),
    ...(typeof verify === "string" ? { verify } : {}),
    ...(isFile ? { file: { id, root } } : {}),
  };
}

function numberOrNone(value: unknown): number | undefined {
  const number = typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function wholeOrNone(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
