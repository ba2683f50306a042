// A server with something in it to be asked for, and requests that are right: what malformed ones are made from.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { encodeBase64, encodeHex, MIB } from "@holdfast/protocol";
import { createToken } from "@holdfast/server";
import { type ServerProcess, startServer } from "@holdfast/testkit/process";
import { sha256 } from "@holdfast/testkit/world";
import { ask, fieldsOf } from "../kit/wire.ts";

/** A request as it goes over the wire, in pieces that can be spoilt one by one. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

export interface FuzzWorld {
  readonly server: ServerProcess;
  readonly port: number;
  /** Right requests about things that are still there: some case may have ended those of the cases before. */
  refresh(): Promise<readonly RawRequest[]>;
  /** Does the main job, and throws where the server does not. */
  check(): Promise<void>;
}

const PART_SIZE = MIB / 4;
const CONTENT = new Uint8Array(2 * PART_SIZE + 777).fill(104);

export async function openWorld(directory: string): Promise<FuzzWorld> {
  const data = join(directory, "data");
  const who = { name: "fuzz", tenant: "local", scopes: ["admin"] } as const;
  const { token } = createToken(data, who);
  const server = await startServer({ data, port: 0 });
  const base = server.url;
  const auth = { authorization: `Bearer ${token}` };

  async function send(method: string, path: string, body?: unknown, more: object = {}) {
    const isBytes = body instanceof Uint8Array;
    const type = isBytes ? {} : { "content-type": "application/json" };
    const reply = await ask(base, {
      method,
      path,
      headers: { ...auth, ...(body === undefined ? {} : type), ...more },
      ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
    });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply;
  }

  async function create(): Promise<string> {
    const wants = { name: "fuzz.bin", size: CONTENT.length, partSize: PART_SIZE };
    return String(fieldsOf(await send("POST", "/v1/uploads", wants)).get("id"));
  }

  async function put(id: string, index: number): Promise<void> {
    const more = { "content-digest": digestField(index) };
    await send("PUT", `/v1/uploads/${id}/parts/${index}`, partOf(index), more);
  }

  async function publish(): Promise<string> {
    const id = await create();
    for (const index of [0, 1, 2]) await put(id, index);
    const { file } = JSON.parse((await send("POST", `/v1/uploads/${id}/complete`, {})).text);
    return String(file.id);
  }

  async function refresh(): Promise<readonly RawRequest[]> {
    const upload = await create();
    await put(upload, 0);
    const file = await publish();
    const parts = [{ index: 1, digest: encodeBase64(sha256(partOf(1))) }];
    const requests = await send("POST", `/v1/uploads/${upload}/requests`, { parts });
    const signed = String(JSON.parse(requests.text).requests[0].url);
    const link = String(fieldsOf(await send("POST", `/v1/files/${file}/links`, {})).get("url"));
    return templatesOf({ token, upload, file, signed, link, parts });
  }

  return {
    server,
    port: Number(new URL(base).port),
    refresh,
    async check() {
      const id = await publish();
      const reply = await send("GET", `/v1/files/${id}`);
      if (reply.text.length !== CONTENT.length) throw new Error("a file came back shorter");
      const left = await readdir(data);
      if (!left.includes("tokens.json")) throw new Error("the tokens are gone");
    },
  };
}

function partOf(index: number): Uint8Array {
  return CONTENT.subarray(index * PART_SIZE, (index + 1) * PART_SIZE);
}

function digestField(index: number): string {
  return `sha-256=:${encodeBase64(sha256(partOf(index)))}:`;
}

interface Known {
  readonly token: string;
  readonly upload: string;
  readonly file: string;
  readonly signed: string;
  readonly link: string;
  readonly parts: unknown;
}

/** Every route and method, with every header that means something. */
function templatesOf({ token, upload, file, signed, link, parts }: Known): readonly RawRequest[] {
  const root = encodeHex(sha256(CONTENT));
  const make = (
    method: string,
    target: string,
    headers: Readonly<Record<string, string>> = {},
    body: Uint8Array | object = new Uint8Array(),
  ): RawRequest => {
    const bytes =
      body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
    const type = body instanceof Uint8Array ? {} : { "Content-Type": "application/json" };
    const size = bytes.length > 0 ? { "Content-Length": String(bytes.length) } : {};
    const all = {
      Host: "127.0.0.1",
      Authorization: `Bearer ${token}`,
      ...type,
      ...size,
      ...headers,
    };
    return { method, target, version: "HTTP/1.1", headers: Object.entries(all), body: bytes };
  };
  const client = { "Holdfast-Client": "fuzz/1; transfer=abcdefgh; attempt=1" };
  const create = {
    name: "a.bin",
    size: 3,
    type: "text/plain",
    metadata: { a: "b" },
    partSize: PART_SIZE,
  };
  const small = new TextEncoder().encode("abc");
  const digest = `sha-256=:${encodeBase64(sha256(small))}:`;
  return [
    make("POST", "/v1/uploads", { "Idempotency-Key": "k" }, create),
    make("POST", "/v1/uploads", {}, { name: "unknown", maxSize: 1000, transfer: "direct" }),
    make("GET", `/v1/uploads/${upload}?digests=1`),
    make("HEAD", `/v1/uploads/${upload}`),
    make(
      "PATCH",
      `/v1/uploads/${upload}`,
      {
        "Content-Type": "application/partial-upload",
        "Upload-Offset": "262144",
        "Upload-Complete": "?0",
        "Content-Digest": digest,
      },
      small,
    ),
    make(
      "PUT",
      `/v1/uploads/${upload}/parts/2`,
      { ...client, "Content-Digest": digestField(2) },
      partOf(2),
    ),
    make(
      "PUT",
      `/v1/uploads/${upload}/parts/1-2`,
      {
        ...client,
        Expect: "100-continue",
        "Part-Digest": `sha-256=(${[1, 2].map((at) => digestField(at).slice("sha-256=".length)).join(" ")})`,
      },
      small,
    ),
    make("POST", `/v1/uploads/${upload}/complete`, {}, { size: CONTENT.length, root }),
    make("POST", `/v1/uploads/${upload}/requests`, {}, { parts, expiresIn: 60 }),
    make("POST", `/v1/uploads/${upload}/parts`, {}, { parts }),
    make("DELETE", `/v1/uploads/${upload.slice(0, -1)}a`),
    make("PUT", signed, {}, partOf(1)),
    make(
      "POST",
      "/v1/files",
      {
        "Content-Type": "text/plain",
        "Content-Disposition": "attachment; filename=\"a.txt\"; filename*=UTF-8''%e2%82%ac.txt",
        "Content-Digest": digest,
        "Repr-Digest": digest,
        "Idempotency-Key": "f",
      },
      small,
    ),
    make("GET", "/v1/files?limit=10&after=abc"),
    make("GET", `/v1/files/${file}`, { Range: "bytes=1-100", "If-Range": `"${root}"` }),
    make("GET", `/v1/files/${file}`, {
      "If-None-Match": `W/"a", "${root}"`,
      "If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT",
    }),
    make("HEAD", `/v1/files/${file}`, { "If-Match": "*" }),
    make("GET", `/v1/files/${file}/manifest?proof=1`),
    make("HEAD", `/v1/files/${file}/manifest`),
    make("POST", `/v1/files/${file}/links`, {}, { expiresIn: 60 }),
    make("DELETE", `/v1/files/${file.slice(0, -1)}a`),
    make("GET", link),
    make("OPTIONS", "/v1/uploads", {
      Origin: "https://example.com",
      "Access-Control-Request-Method": "PUT",
      "Access-Control-Request-Headers": "content-digest",
    }),
    make("POST", "/v1/sweep?dry-run=1"),
    make("GET", "/metrics"),
    make("GET", "/openapi.json"),
    make("GET", "/livez", { Connection: "keep-alive" }),
    make("HEAD", "/readyz"),
    make("GET", "/"),
  ];
}
