// One upload by appends through whatever stands before several servers: every request may come to another one, and no offset that one of them told may be less at the next.
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ended, Told } from "./kill-cluster.ts";
import { bytesOf, type Content } from "./source.ts";
import { type Ask, ask, fieldsOf, type Reply } from "./wire.ts";

export interface AppendWants {
  /** In bytes a second. */
  readonly rate: number;
  readonly told: Told;
}

const STEP_MS = 50;
const AGAIN_MS = 200;
/** Milliseconds that an append may be without an answer or a step of its own. */
const SILENT_MS = 20_000;
/** Milliseconds until an upload that gets nowhere is given up. */
const GIVE_UP_MS = 240_000;

export async function appendTo(
  url: string,
  content: Content,
  { rate, told }: AppendWants,
): Promise<readonly Ended[]> {
  const until = performance.now() + GIVE_UP_MS;
  const body = JSON.stringify({ name: `file-${content.seed}.bin`, size: content.size });
  const headers = { "content-type": "application/json", "idempotency-key": `"${content.seed}"` };
  const made = await answered(url, { method: "POST", path: "/v1/uploads", headers, body }, until);
  if (made.status !== 201) throw new Error(`create answered ${made.status}: ${made.text}`);
  const path = `/v1/uploads/${fieldsOf(made).get("id")}`;
  for (let floor = 0; ; ) {
    const head = await answered(url, { method: "HEAD", path }, until);
    const offset = Number(head.headers["upload-offset"]);
    if (head.status !== 204 || Number.isNaN(offset)) {
      throw new Error(`HEAD answered ${head.status}, offset ${offset}`);
    }
    told.acks++;
    if (offset < floor) told.lost++;
    floor = Math.max(floor, offset);
    const file = head.headers["content-location"];
    if (head.headers["upload-complete"] === "?1" && file !== undefined) {
      return [{ content, path: file }];
    }
    const acked = await sendPaced(url, path, content, { at: offset, rate });
    if (acked !== undefined) {
      told.acks++;
      floor = Math.max(floor, acked);
    } else await sleep(AGAIN_MS);
  }
}

/** Asks until there is an answer that asking again does not change. @throws where that takes too long */
async function answered(url: string, what: Ask, until: number): Promise<Reply> {
  for (;;) {
    const reply = await ask(url, what).catch(() => undefined);
    if (reply && reply.status < 500 && reply.status !== 409 && reply.status !== 423) return reply;
    if (performance.now() > until) {
      throw new Error(`${what.method} ${what.path}: ${reply?.status} ${reply?.text}`);
    }
    await sleep(AGAIN_MS);
  }
}

interface From {
  readonly at: number;
  readonly rate: number;
}

/** Sends what is left, step by step; resolves with the offset that a 2xx told, if there was one. */
async function sendPaced(
  url: string,
  path: string,
  content: Content,
  { at: start, rate }: From,
): Promise<number | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<number | undefined>();
  const sending = request(new URL(path, url), {
    method: "PATCH",
    headers: {
      "content-type": "application/partial-upload",
      "content-length": `${content.size - start}`,
      "upload-offset": `${start}`,
      "upload-complete": "?1",
    },
  });
  let isOver = false;
  const end = (offset?: number): void => {
    isOver = true;
    resolve(offset);
  };
  sending.setTimeout(SILENT_MS, () => sending.destroy());
  sending.on("error", () => end());
  sending.on("response", (response) => {
    const isKept = (response.statusCode ?? 0) < 300;
    const offset = Number(response.headers["upload-offset"] ?? Number.NaN);
    response.resume().on("close", () => end(isKept && !Number.isNaN(offset) ? offset : undefined));
  });
  const began = performance.now();
  for (let at = start; at < content.size && !isOver; ) {
    const due = start + ((performance.now() - began) * rate) / 1000;
    const next = Math.min(content.size, Math.max(at, Math.floor(due)));
    if (next > at && !sending.write(bytesOf(content, at, next))) {
      await Promise.race([over, new Promise((drained) => sending.once("drain", drained))]);
    }
    at = next;
    if (at < content.size) await sleep(STEP_MS);
  }
  sending.end();
  const offset = await over;
  sending.destroy();
  return offset;
}
