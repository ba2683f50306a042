// The checkpoint of an upload: what the client must remember to go on with it, with a digest of its own.
import {
  canonicalJson,
  decodeHex,
  encodeHex,
  equalBytes,
  isUploadId,
  type UploadId,
} from "@holdfast/protocol";
import type { Digester, Fingerprint } from "./ports.ts";
import { parseJson } from "./wire.ts";

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
}

/** Names one source on its way to one server. */
export function checkpointKey(digester: Digester, ...parts: readonly string[]): string {
  return encodeHex(digester.sha256(UTF8.encode(parts.join("\n"))));
}

/** Times may have a fraction and `ino` may be beyond all safe integers, for which canonical JSON has no form: they travel as text. */
function canonical(checkpoint: Checkpoint): string {
  const { fingerprint, ...rest } = checkpoint;
  const { size, ...marks } = fingerprint;
  const texts = Object.entries(marks).map(([name, mark]) => [name, String(mark)]);
  return canonicalJson({ version: VERSION, ...rest, size, ...Object.fromEntries(texts) });
}

export function encodeCheckpoint(digester: Digester, checkpoint: Checkpoint): string {
  const text = canonical(checkpoint);
  const digest = encodeHex(digester.sha256(UTF8.encode(text)));
  return `${digest} ${text}`;
}

/** The checkpoint in a text, or undefined where it is torn, altered, or of another version: it is only a hint, so it is ignored. */
export function decodeCheckpoint(digester: Digester, text: string): Checkpoint | undefined {
  const [, hex, body] = /^([0-9a-f]{64}) (\{.*\})$/s.exec(text) ?? [];
  const digest = hex === undefined ? undefined : decodeHex(hex);
  if (!digest || body === undefined) return undefined;
  if (!equalBytes(digester.sha256(UTF8.encode(body)), digest)) return undefined;
  const value = parseJson(body);
  if (typeof value !== "object" || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
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
  return { server, uploadId, fingerprint, partSize, createdAt };
}

function numberOrNone(value: unknown): number | undefined {
  const number = typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function wholeOrNone(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
