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

const VERSION = 1;
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

/** `mtimeMs` may have a fraction, for which canonical JSON has no form: it travels as text. */
function canonical(checkpoint: Checkpoint): string {
  const { fingerprint, ...rest } = checkpoint;
  const { size, mtimeMs } = fingerprint;
  return canonicalJson({ version: VERSION, ...rest, size, mtimeMs: String(mtimeMs) });
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
  const mtimeMs = Number(fields.get("mtimeMs") ?? Number.NaN);
  if (fields.get("version") !== VERSION || Number.isNaN(mtimeMs)) return undefined;
  if (typeof server !== "string" || typeof uploadId !== "string" || !isUploadId(uploadId))
    return undefined;
  if (size === undefined || !partSize || createdAt === undefined) return undefined;
  return { server, uploadId, fingerprint: { size, mtimeMs }, partSize, createdAt };
}

function wholeOrNone(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
