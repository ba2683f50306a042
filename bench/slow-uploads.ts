// Uploads that come at 1 KiB/s: half of them a part, the other half an append. In the end it is seen how far the server says they are.
import { hash } from "node:crypto";
import { open } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { encodeDigest, KIB, MIB } from "@holdfast/protocol";
import { askJson } from "./ask.ts";

const PART_SIZE: number = 256 * KIB;
const APPEND_SIZE: number = MIB;
const STEP: number = KIB;
const STEP_MS = 1000;
/** What may be on its way between a socket here and a committed record there, in steps. */
const LAG_STEPS = 4;

export interface SlowReport {
  readonly parts: number;
  readonly appends: number;
  /** Bytes that each had sent when it was looked at. */
  readonly sentEach: number;
  /** The least and the most that appends had committed by then. */
  readonly committed: { readonly least: number; readonly most: number };
  readonly failures: number;
  /** The first few of them. */
  readonly examples: readonly string[];
}

export interface SlowUploads {
  /** Looks how far the appends are, then sends the rest of the parts at once and waits for their answers. */
  end(): Promise<SlowReport>;
}

interface SlowUpload {
  readonly kind: "part" | "append";
  readonly id: string;
  readonly sending: ClientRequest;
  /** Resolves with the answer's status, or what went wrong. */
  readonly answer: Promise<number | string>;
}

export async function beginSlowUploads(
  url: string,
  count: number,
  source: string,
): Promise<SlowUploads> {
  const file = await open(source, "r");
  const content = Buffer.alloc(PART_SIZE);
  await file.read(content, 0, PART_SIZE, 0);
  await file.close();
  const uploads: SlowUpload[] = [];
  for (let at = 0; at < count; at++) uploads.push(await begin(url, content, at % 2 === 0));
  let sent = 0;
  const timer = setInterval(() => {
    const step = content.subarray(sent % PART_SIZE, (sent % PART_SIZE) + STEP);
    if (sent + STEP > PART_SIZE - STEP) return;
    sent += STEP;
    for (const { sending } of uploads) sending.write(step);
  }, STEP_MS);
  return {
    async end() {
      clearInterval(timer);
      return conclude(url, uploads, content, sent);
    },
  };
}

async function begin(url: string, content: Buffer, isPart: boolean): Promise<SlowUpload> {
  const size = isPart ? PART_SIZE : APPEND_SIZE;
  const { body } = await askJson(url, "POST", "/v1/uploads", {
    name: "slow",
    size,
    partSize: PART_SIZE,
  });
  const id = String(body.get("id"));
  const path = isPart ? `/v1/uploads/${id}/parts/0` : `/v1/uploads/${id}`;
  const headers = isPart
    ? { "content-digest": encodeDigest("sha-256", hash("sha256", content, "buffer")) }
    : {
        "content-type": "application/partial-upload",
        "upload-offset": "0",
        "upload-complete": "?0",
      };
  const sending = request(new URL(path, url), {
    method: isPart ? "PUT" : "PATCH",
    headers: { ...headers, "content-length": `${isPart ? size : size / 2}` },
    agent: false,
  });
  const answer = new Promise<number | string>((resolve) => {
    sending.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on("error", (error) => resolve(error.message));
  });
  sending.flushHeaders();
  return { kind: isPart ? "part" : "append", id, sending, answer };
}

async function conclude(
  url: string,
  uploads: readonly SlowUpload[],
  content: Buffer,
  sent: number,
): Promise<SlowReport> {
  const failures: string[] = [];
  const committed: number[] = [];
  for (const { kind, id } of uploads) {
    if (kind !== "append") continue;
    const { body } = await askJson(url, "GET", `/v1/uploads/${id}`);
    const offset = Number(body.get("offset"));
    committed.push(offset);
    if (offset < sent - LAG_STEPS * STEP) failures.push(`an append stands at ${offset} of ${sent}`);
  }
  for (const { kind, sending, answer } of uploads) {
    if (kind === "part") sending.end(content.subarray(sent));
    const early = await Promise.race([answer, Promise.resolve(undefined)]);
    if (kind === "append" && early !== undefined) failures.push(`an append ended with ${early}`);
    if (kind === "append") sending.destroy();
  }
  for (const { kind, answer } of uploads) {
    if (kind !== "part") continue;
    const status = await answer;
    if (status !== 200) failures.push(`a part ended with ${status}`);
  }
  const [parts, appends] = [uploads.length - committed.length, committed.length];
  const range = { least: Math.min(...committed), most: Math.max(...committed) };
  const examples = failures.slice(0, 5);
  const counts = { parts, appends, sentEach: sent, committed: range };
  return { ...counts, failures: failures.length, examples };
}
