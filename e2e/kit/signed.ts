// Signed requests by hand: asked for, sent as they stand or spoiled, and confirmed.
import { randomBytes } from "node:crypto";
import { decodePartRequests, encodePartsWanted, type PartRequest } from "@holdfast/protocol";
import { digestOfPart } from "./source.ts";
import { type Job, postJson, type Reply, runOf } from "./wire.ts";

export interface SignedPart {
  readonly index: number;
  readonly request: PartRequest;
  readonly bytes: Uint8Array;
}

function wantedOf({ content, grid }: Job, indexes: readonly number[]): object {
  const digest = (index: number) => digestOfPart(content, grid, index);
  return encodePartsWanted({ parts: indexes.map((index) => ({ index, digest: digest(index) })) });
}

export function askRequests(
  base: string,
  job: Job,
  indexes: readonly number[],
  more: object = {},
): Promise<Reply> {
  const body = { ...wantedOf(job, indexes), ...more };
  return postJson(base, `/v1/uploads/${job.id}/requests`, body);
}

export async function signParts(
  base: string,
  job: Job,
  indexes: readonly number[],
  more: object = {},
): Promise<readonly SignedPart[]> {
  const reply = await askRequests(base, job, indexes, more);
  if (reply.status !== 200) throw new Error(`requests answered ${reply.status}: ${reply.text}`);
  return decodePartRequests(JSON.parse(reply.text)).map((request) => {
    const { body } = runOf(job, [request.index, request.index + 1]);
    if (!(body instanceof Uint8Array)) throw new Error("a run has bytes");
    return { index: request.index, request, bytes: body };
  });
}

/** What is sent in place of what was signed. */
export interface Spoiled {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: Uint8Array;
}

/** Sends a part; resolves with the status, or with 0 where the store cut the connection. */
export async function sendSigned(
  { request, bytes }: SignedPart,
  spoiled: Spoiled = {},
): Promise<number> {
  const { "content-length": _, ...headers } = { ...request.headers, ...spoiled.headers };
  try {
    const answer = await fetch(spoiled.url ?? request.url, {
      method: spoiled.method ?? request.method,
      headers,
      // The platform sends the length of what there is.
      body: new Uint8Array(spoiled.bytes ?? bytes),
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch (error) {
    if (error instanceof TypeError) return 0;
    throw error;
  }
}

export function confirmParts(
  base: string,
  job: Job,
  indexes: readonly number[],
  more: object = {},
): Promise<Reply> {
  return postJson(base, `/v1/uploads/${job.id}/parts`, { ...wantedOf(job, indexes), ...more });
}

export const otherDigest = (): string => randomBytes(32).toString("base64");
