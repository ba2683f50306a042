// The protocol by hand, over node:http: what the tests send is what they say, without a client that means well.
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import {
  decodeUpload,
  encodeRunDigests,
  encodeRunPath,
  type Grid,
  type PartRange,
  partOffset,
  runSize,
  type UploadView,
} from "@holdfast/protocol";
import { bytesOf, type Content, digestOfPart, streamDifference } from "./source.ts";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly agent?: Agent;
}

/** Sends one request. Rejects only where no answer came. */
export async function ask(base: string, what: Ask): Promise<Reply> {
  const response = await open(base, what);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

function open(base: string, what: Ask): Promise<IncomingMessage> {
  const { method, path, headers, body, agent } = what;
  return new Promise((resolve, reject) => {
    const length = { "content-length": `${body === undefined ? 0 : Buffer.byteLength(body)}` };
    const sending = request(new URL(path, base), {
      method,
      headers: { ...length, ...headers },
      ...(agent ? { agent } : {}),
    });
    // Where the server answers before it has read everything, the answer counts and not the broken pipe behind it.
    sending.on("response", resolve).on("error", reject);
    sending.end(body);
  });
}

export function createAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 64 });
}

/** The members of a JSON reply. */
export function fieldsOf(reply: Reply): ReadonlyMap<string, unknown> {
  const value: unknown = JSON.parse(reply.text);
  return new Map(Object.entries(typeof value === "object" && value !== null ? value : {}));
}

/** The code of a problem reply. */
export function codeOf(reply: Reply): unknown {
  return reply.headers["content-type"]?.startsWith("application/problem+json")
    ? fieldsOf(reply).get("code")
    : `no problem document: ${reply.text.slice(0, 200)}`;
}

/** An upload that a test sends. */
export interface Job {
  readonly id: string;
  readonly content: Content;
  readonly grid: Grid;
}

export function postJson(base: string, path: string, body: unknown): Promise<Reply> {
  return ask(base, {
    method: "POST",
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function createJob(base: string, content: Content, partSize?: number): Promise<Job> {
  const body = { name: `content-${content.seed}`, size: content.size, partSize };
  const reply = await postJson(base, "/v1/uploads", body);
  if (reply.status !== 201) throw new Error(`create answered ${reply.status}: ${reply.text}`);
  const view = viewOf(reply);
  return { id: view.id, content, grid: { size: view.size, partSize: view.partSize } };
}

export function viewOf(reply: Reply): UploadView {
  return decodeUpload(JSON.parse(reply.text));
}

export async function statusOf(base: string, id: string): Promise<UploadView> {
  const reply = await ask(base, { method: "GET", path: `/v1/uploads/${id}` });
  if (reply.status !== 200) throw new Error(`status answered ${reply.status}: ${reply.text}`);
  return viewOf(reply);
}

/** A run as it should be sent; tests change what they want to be wrong. */
export function runOf(job: Job, run: PartRange): Ask {
  const start = partOffset(job.grid, run[0]);
  const indexes = Array.from({ length: run[1] - run[0] }, (_, at) => run[0] + at);
  const digests = indexes.map((index) => digestOfPart(job.content, job.grid, index));
  const [name, value] = encodeRunDigests("sha-256", digests);
  return {
    method: "PUT",
    path: `/v1/uploads/${job.id}/parts/${encodeRunPath(run)}`,
    headers: { [name]: value },
    body: bytesOf(job.content, start, start + runSize(job.grid, run[0], run[1])),
  };
}

export function putRun(base: string, job: Job, run: PartRange, agent?: Agent): Promise<Reply> {
  return ask(base, { ...runOf(job, run), ...(agent ? { agent } : {}) });
}

export function completeJob(base: string, id: string, body: object = {}): Promise<Reply> {
  return postJson(base, `/v1/uploads/${id}/complete`, body);
}

/** Offset of the first wrong byte of what is served at a path, or undefined where it is the content. */
export async function servedDifference(
  base: string,
  path: string,
  content: Content,
): Promise<number | undefined> {
  const response = await open(base, { method: "GET", path });
  if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode}`);
  return streamDifference(response, content);
}
