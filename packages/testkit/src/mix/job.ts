// One upload that several protocols bring in turn: how it is begun, by each of them, and what all of them ask of it.
import { createHash } from "node:crypto";
import { decodeUpload, type UploadView } from "@holdfast/protocol";
import type { Said, Talk, Wants } from "./talk.ts";

export interface MixedJob {
  readonly talk: Talk;
  readonly id: string;
  readonly content: Uint8Array;
  /** Whether its size was told when it was begun. */
  readonly isSized: boolean;
}

export const BEGINNINGS = ["own", "tus", "ietf"] as const;
export type Beginning = (typeof BEGINNINGS)[number];

/** An upload of unknown size may become twice as large as it does. */
export async function begin(
  talk: Talk,
  by: Beginning,
  { content, isSized }: Pick<MixedJob, "content" | "isSized">,
  partSize?: number,
): Promise<MixedJob> {
  const size = content.length;
  const said = await talk.ask(creation(by, size, isSized, partSize));
  requireStatus(said, [201], `creation by ${by}`);
  const id = String(said.headers.location).split("/").at(-1) ?? "";
  return { talk, id, content, isSized };
}

function creation(by: Beginning, size: number, isSized: boolean, partSize?: number): Wants {
  if (by === "tus") {
    const length = isSized ? { "upload-length": String(size) } : { "upload-defer-length": "1" };
    return { method: "POST", path: "/tus", headers: { "tus-resumable": "1.0.0", ...length } };
  }
  if (by === "ietf") {
    const length = isSized ? { "upload-length": String(size) } : {};
    return { method: "POST", path: "/v1/files", headers: { "upload-complete": "?0", ...length } };
  }
  const wants = { name: "mixed", partSize, ...(isSized ? { size } : { maxSize: 2 * size + 1 }) };
  return {
    method: "POST",
    path: "/v1/uploads",
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(wants)),
  };
}

export function requireStatus(
  { status, bytes }: Said,
  allowed: readonly number[],
  what: string,
): void {
  if (allowed.includes(status)) return;
  throw new Error(`${what} answered ${status}: ${bytes.toString().slice(0, 500)}`);
}

export async function viewOf({ talk, id }: MixedJob): Promise<UploadView> {
  const said = await talk.ask({ method: "GET", path: `/v1/uploads/${id}` });
  requireStatus(said, [200], "the status");
  return decodeUpload(JSON.parse(said.bytes.toString()));
}

export function postJson({ talk, id }: MixedJob, verb: string, value: object): Promise<Said> {
  return talk.ask({
    method: "POST",
    path: `/v1/uploads/${id}/${verb}`,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(value)),
  });
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
