// Row 2: on every route, what belongs to another tenant answers as what does not exist: same status, same body, same work in the stores.
import type { MetadataStore, RegionStorage } from "@holdfast/engine";
import {
  decodeUpload,
  encodeBase64,
  isFileId,
  isUploadId,
  KIB,
  type UploadView,
} from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { sha256 } from "@holdfast/testkit/world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemRandom } from "../platform.ts";
import { createTokenPolicy } from "../policy/policy.ts";
import type { TokenEntry } from "../policy/table.ts";
import { makeToken } from "../policy/token.ts";
import { ROUTES } from "./route.ts";
import {
  type Answer,
  type Ask,
  ask,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
} from "./server.fixture.ts";

const CONTENT = Buffer.alloc(600 * KIB, "holdfast ");
const PART = CONTENT.subarray(0, 256 * KIB);
const DIGEST = encodeBase64(sha256(PART));
const UNKNOWN = "aaaaaaaaaaaaaaaaaaaaaaaaaa";

const random = createRandom("tenants");
const tokens = { ann: makeToken(random), eve: makeToken(random) };
const entryOf = ({ id, hash }: { id: string; hash: string }, tenant: string) =>
  [id, { id, hash, name: "", tenant, principal: tenant, scopes: ["admin"], createdAt: 0 }] as const;
const table = new Map<string, TokenEntry>([
  entryOf(tokens.ann, "acme"),
  entryOf(tokens.eve, "evil"),
]);

/** What the stores were asked, in order. */
let asked: string[] = [];
/** What the stores are asked for one request. */
function counted<T extends RegionStorage | MetadataStore>(name: string, store: T): T {
  return new Proxy(store, {
    get(target, member, receiver) {
      const value: unknown = Reflect.get(target, member, receiver);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        asked.push(`${name}.${String(member)}`);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

type Who = keyof typeof tokens;
const as = (who: Who) => ({ authorization: `Bearer ${tokens[who].text}` });

let server: TestServer;
/** What Ann of another tenant has: an upload under way, one that is a file, and that file. */
let ann: {
  readonly open: UploadView;
  readonly complete: UploadView;
  readonly file: string;
  readonly signed: string;
  readonly link: string;
};

async function send(who: Who, wants: Ask): Promise<Answer> {
  return ask(server, { ...wants, headers: { ...as(who), ...wants.headers } });
}

function json(method: string, path: string, value: unknown): Ask {
  const headers = { "content-type": "application/json" };
  return { method, path, headers, body: JSON.stringify(value) };
}

async function create(who: Who): Promise<UploadView> {
  const body = { name: "secret.bin", size: CONTENT.length, partSize: 256 * KIB };
  const answer = await send(who, json("POST", "/v1/uploads", body));
  expect(answer.status).toBe(201);
  return decodeUpload(answer.json);
}

beforeAll(async () => {
  server = await startTestServer({
    parts: {
      policy: createTokenPolicy({ tokens: () => table }),
      metadata: counted("metadata", createMemoryMetadata()),
      storage: counted("storage", createMemoryStorage()),
    },
  });
  const [open, complete] = [await create("ann"), await create("ann")];
  const put = putRequest(complete, CONTENT, [0, 3]);
  expect((await send("ann", put)).status).toBe(200);
  expect((await send("ann", putRequest(open, CONTENT, [0, 1]))).status).toBe(200);
  const done = await send("ann", json("POST", `/v1/uploads/${complete.id}/complete`, {}));
  const file = decodeUpload(done.json).file?.id ?? "";
  const parts = { parts: [{ index: 0, digest: DIGEST }] };
  const requests = await send("ann", json("POST", `/v1/uploads/${open.id}/requests`, parts));
  const signed = String(Object(Object(requests.json["requests"])[0]).url);
  const link = String((await send("ann", json("POST", `/v1/files/${file}/links`, {}))).json["url"]);
  ann = { open, complete, file, signed, link };
});
afterAll(() => server.close());

const partHeaders = { "content-digest": `sha-256=:${DIGEST}:` };
const appendHeaders = {
  "content-type": "application/partial-upload",
  "upload-offset": "0",
  "upload-complete": "?0",
};

const tusHeaders = { "tus-resumable": "1.0.0", "upload-offset": "0" };

/** A request to each route with an id, as its owner would send it; or why the route has nobody's. */
const ROWS: Readonly<Record<string, ((id: string) => Ask) | { readonly nobodys: string }>> = {
  "POST /v1/uploads": { nobodys: "makes something new, of whoever asks" },
  "GET /v1/uploads/*": (id) => ({ path: `/v1/uploads/${id}?digests=1` }),
  "HEAD /v1/uploads/*": (id) => ({ method: "HEAD", path: `/v1/uploads/${id}` }),
  "PATCH /v1/uploads/*": (id) => ({
    method: "PATCH",
    path: `/v1/uploads/${id}`,
    headers: appendHeaders,
    body: PART,
  }),
  "DELETE /v1/uploads/*": (id) => ({ method: "DELETE", path: `/v1/uploads/${id}` }),
  "POST /tus": { nobodys: "makes something new, of whoever asks" },
  "HEAD /tus/*": (id) => ({ method: "HEAD", path: `/tus/${id}`, headers: tusHeaders }),
  "PATCH /tus/*": (id) => ({
    method: "PATCH",
    path: `/tus/${id}`,
    headers: { ...tusHeaders, "content-type": "application/offset+octet-stream" },
    body: PART,
  }),
  "DELETE /tus/*": (id) => ({ method: "DELETE", path: `/tus/${id}`, headers: tusHeaders }),
  "PUT /v1/uploads/*/parts/*": (id) => ({
    method: "PUT",
    path: `/v1/uploads/${id}/parts/0`,
    headers: partHeaders,
    body: PART,
  }),
  "GET /v1/uploads/*/content": (id) => ({ path: `/v1/uploads/${id}/content` }),
  "HEAD /v1/uploads/*/content": (id) => ({
    method: "HEAD",
    path: `/v1/uploads/${id}/content?follow=1`,
  }),
  "GET /v1/uploads/*/events": (id) => ({ path: `/v1/uploads/${id}/events` }),
  "POST /v1/uploads/*/complete": (id) => json("POST", `/v1/uploads/${id}/complete`, {}),
  "POST /v1/uploads/*/requests": (id) =>
    json("POST", `/v1/uploads/${id}/requests`, { parts: [{ index: 0, digest: DIGEST }] }),
  "DELETE /v1/uploads/*/requests": (id) => ({
    method: "DELETE",
    path: `/v1/uploads/${id}/requests`,
  }),
  "POST /v1/uploads/*/parts": (id) =>
    json("POST", `/v1/uploads/${id}/parts`, { parts: [{ index: 0, digest: DIGEST }] }),
  "PUT /p/*/*/*": (id) => ({
    method: "PUT",
    path: ann.signed.replace(ann.open.id, id).replace(tokens.ann.id, tokens.eve.id),
    body: PART,
  }),
  "GET /v1/files": { nobodys: "lists what is the asker's: see below" },
  "POST /v1/files": { nobodys: "makes something new, of whoever asks" },
  "OPTIONS /v1/files": { nobodys: "tells limits, of whoever asks" },
  "GET /v1/files/*": (id) => ({ path: `/v1/files/${id}` }),
  "HEAD /v1/files/*": (id) => ({ method: "HEAD", path: `/v1/files/${id}` }),
  "DELETE /v1/files/*": (id) => ({ method: "DELETE", path: `/v1/files/${id}` }),
  "GET /v1/files/*/manifest": (id) => ({ path: `/v1/files/${id}/manifest?proof=0` }),
  "HEAD /v1/files/*/manifest": (id) => ({ method: "HEAD", path: `/v1/files/${id}/manifest` }),
  "POST /v1/files/*/links": (id) => json("POST", `/v1/files/${id}/links`, {}),
  "DELETE /v1/files/*/links/*": (id) => ({
    method: "DELETE",
    path: `/v1/files/${id}/links/${UNKNOWN}`,
  }),
  "POST /v1/uploads/*/links": (id) => json("POST", `/v1/uploads/${id}/links`, {}),
  "DELETE /v1/uploads/*/links/*": (id) => ({
    method: "DELETE",
    path: `/v1/uploads/${id}/links/${UNKNOWN}`,
  }),
  "PUT /v1/files/*/public": (id) => ({ method: "PUT", path: `/v1/files/${id}/public` }),
  "DELETE /v1/files/*/public": (id) => ({ method: "DELETE", path: `/v1/files/${id}/public` }),
  "GET /public/*": { nobodys: "is the same for all: see files/public.test.ts" },
  "HEAD /public/*": { nobodys: "is the same for all" },
  "GET /public/*/manifest": { nobodys: "is the same for all" },
  "HEAD /public/*/manifest": { nobodys: "is the same for all" },
  "POST /v1/sweep": { nobodys: "is the whole server's, for who administers it" },
  "GET /metrics": { nobodys: "is the whole server's, for who administers it" },
  "GET /openapi.json": { nobodys: "is the same for all" },
  "HEAD /openapi.json": { nobodys: "is the same for all" },
  "GET /livez": { nobodys: "is told to everybody" },
  "HEAD /livez": { nobodys: "is told to everybody" },
  "GET /readyz": { nobodys: "is told to everybody" },
  "HEAD /readyz": { nobodys: "is told to everybody" },
  "GET /": { nobodys: "is a page of the server's own" },
  "HEAD /": { nobodys: "is a page of the server's own" },
};

const ROUTE_NAMES = ROUTES.flatMap(({ segments, methods }) =>
  [...methods.keys()].map((method) => `${method} ${segments.join("/")}`),
);

/** What a client can tell of an answer, and what it cost. */
async function seen(who: Who, wants: Ask): Promise<object> {
  asked = [];
  const { status, headers, bytes } = await send(who, wants);
  const { date: _, ...rest } = headers;
  return { status, headers: rest, body: bytes.toString(), asked };
}

describe("row 2: another tenant", () => {
  it.each(ROUTE_NAMES)("%s", async (name) => {
    const row = ROWS[name];
    if (!row) throw new Error(`${name} is a new route: give it a row in this file`);
    if (typeof row !== "function") return;
    const unknown = await seen("eve", row(UNKNOWN));
    const isSigned = name.includes(" /p/");
    expect(unknown).toMatchObject({ status: isSigned ? 403 : 404 });
    for (const id of [ann.open.id, ann.complete.id, ann.file]) {
      expect(await seen("eve", row(id))).toEqual(unknown);
    }
    // The row asks for something that there is: else the comparison would say nothing.
    if (isSigned || name.startsWith("DELETE")) return;
    const answers = await Promise.all(
      [ann.open.id, ann.complete.id, ann.file].map((id) => owned(row(id))),
    );
    expect(answers.some(({ status }) => status !== 404)).toBe(true);
  });

  const VARIANTS: Readonly<Record<string, (ask: Ask) => Ask>> = {
    "a range behind the end": withHeaders({ range: "bytes=99999999-" }),
    "a range": withHeaders({ range: "bytes=0-0", "if-range": "x" }),
    "a condition that nothing meets": withHeaders({ "if-match": '"no"' }),
    "a condition that everything meets": withHeaders({ "if-match": "*", "if-none-match": "*" }),
    "a date": withHeaders({ "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT" }),
    "another digest": withHeaders({
      "content-digest": `sha-256=:${encodeBase64(sha256(CONTENT))}:`,
    }),
    "no digest": withHeaders({ "content-digest": "x" }),
    "another offset": withHeaders({ "upload-offset": "5" }),
    "the end": withHeaders({ "upload-complete": "?1", "upload-length": "7" }),
    "a key": withHeaders({ "idempotency-key": "the-same" }),
    "another transfer": withHeaders({ "holdfast-client": "a/1; transfer=aaaaaaaa" }),
    "another type": withHeaders({ "content-type": "text/plain" }),
    "no body": ({ body: _, ...ask }) => ask,
    "a body that is no JSON": (ask) => ({ ...ask, body: "{" }),
    "a root": (ask) => ({ ...ask, body: JSON.stringify({ root: "0".repeat(64), size: 5 }) }),
    "a part that is not there": (ask) => ({
      ...ask,
      path: ask.path.replace("/parts/0", "/parts/99").replace("proof=0", "proof=99"),
    }),
    "several parts": (ask) => ({ ...ask, path: ask.path.replace("/parts/0", "/parts/0-2") }),
  };
  function withHeaders(more: Readonly<Record<string, string>>): (ask: Ask) => Ask {
    return (ask) => ({ ...ask, headers: { ...ask.headers, ...more } });
  }

  it.each(Object.keys(VARIANTS))("learns nothing by %s", async (variant) => {
    for (const name of ROUTE_NAMES) {
      const row = ROWS[name];
      const change = VARIANTS[variant];
      if (typeof row !== "function" || !change) continue;
      const unknown = await seen("eve", change(row(UNKNOWN)));
      for (const id of [ann.open.id, ann.complete.id, ann.file]) {
        expect([name, await seen("eve", change(row(id)))]).toEqual([name, unknown]);
      }
    }
  });

  it("learns nothing of what is under way, and ends none of it", async () => {
    const { body, ...put } = putRequest(ann.open, CONTENT, [1, 2]);
    const headers = { ...as("ann"), ...put.headers, "content-length": String(body.length) };
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ ...put, headers }));
    raw.socket.write(body.subarray(0, 100_000));
    // It holds its part: anybody of its own tenant is told so.
    const busy = async () => (await send("ann", { ...put, body })).json["code"];
    await expect.poll(busy).toBe("part_busy");
    for (const name of ROUTE_NAMES) {
      const row = ROWS[name];
      if (typeof row !== "function") continue;
      const at = (id: string) => {
        const ask = row(id);
        return { ...ask, path: ask.path.replace("/parts/0", "/parts/1") };
      };
      const unknown = await seen("eve", at(UNKNOWN));
      expect([name, await seen("eve", at(ann.open.id))]).toEqual([name, unknown]);
    }
    raw.socket.write(body.subarray(100_000));
    await raw.until("HTTP/1.1 200");
    raw.socket.destroy();
  });

  it("has keys of its own: the same Idempotency-Key is another upload, and no conflict", async () => {
    const wants = json("POST", "/v1/uploads", { name: "keyed", size: 9 });
    const headers = { ...wants.headers, "idempotency-key": "the-same-key" };
    const made = await send("ann", { ...wants, headers });
    const other = { ...json("POST", "/v1/uploads", { name: "other", size: 8 }), headers };
    const theirs = await send("eve", other);
    expect([made.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.headers.location).not.toBe(made.headers.location);
  });

  it("finds nothing changed in the end", async () => {
    const open = decodeUpload((await send("ann", { path: `/v1/uploads/${ann.open.id}` })).json);
    expect([open.state, open.offset]).toEqual(["open", 512 * KIB]);
    const content = await send("ann", { path: `/v1/files/${ann.file}` });
    expect(content.bytes.equals(CONTENT)).toBe(true);
  });

  it("lists what is its own, and goes on behind nobody else's", async () => {
    const list = async (who: Who, query = "") =>
      (await send(who, { path: `/v1/files${query}` })).json;
    const all = await list("ann", "?limit=1");
    expect(JSON.stringify(all)).toContain(ann.file);
    expect(await list("eve")).toEqual({ files: [] });
    const own = decodeUpload(
      (await send("eve", json("POST", "/v1/uploads", { name: "own", size: 0 }))).json,
    );
    const listed = JSON.stringify(await list("eve"));
    expect([listed.includes(own.file?.id ?? "?"), listed.includes(ann.file)]).toEqual([
      true,
      false,
    ]);
    const after = typeof all["next"] === "string" ? all["next"] : "";
    expect(JSON.stringify(await list("eve", `?after=${after}`))).not.toContain(ann.file);
  });

  it("shows on no page what all tenants together have", async () => {
    const { text, id, hash } = makeToken(random);
    const who = { name: "", tenant: "evil", principal: "reader", createdAt: 0 };
    table.set(id, { id, hash, ...who, scopes: ["read"] });
    const page = await ask(server, { path: "/", headers: { authorization: `Bearer ${text}` } });
    expect([page.status, page.bytes.toString().includes("Open uploads")]).toEqual([200, false]);
    expect((await send("eve", { path: "/" })).bytes.toString()).toContain("Open uploads");
  });

  it("is what decides before the id's form does", async () => {
    const answers = await Promise.all(
      ["x", "%2e%2e%2f", "A".repeat(26), `${UNKNOWN}a`].map((id) =>
        send("eve", { path: `/v1/uploads/${id}` }),
      ),
    );
    const unknown = await send("eve", { path: `/v1/uploads/${UNKNOWN}` });
    for (const answer of answers) expect(answer.json).toEqual(unknown.json);
  });
});

/** Events never end by themselves: only the head of an answer counts here. */
async function owned(wants: Ask): Promise<{ readonly status: number }> {
  if (!wants.path.endsWith("/events")) return send("ann", wants);
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const req = request({ port: server.port, path: wants.path, headers: as("ann") }, (res) => {
      resolve({ status: res.statusCode ?? 0 });
      res.destroy();
    });
    req.on("error", reject).end();
  });
}

describe("row 2: ids", () => {
  it("are 128 random bits each, and neither follows from the other", async () => {
    const drawn: Uint8Array[] = [];
    const recording = {
      bytes(size: number) {
        const bytes = systemRandom.bytes(size);
        drawn.push(bytes);
        return bytes;
      },
    };
    const own = await startTestServer({ parts: { random: recording } });
    const ids: string[] = [];
    for (let at = 0; at < 200; at++) {
      const answer = await ask(own, json("POST", "/v1/uploads", { name: "empty", size: 0 }));
      const { id, file } = decodeUpload(answer.json);
      ids.push(id, file?.id ?? "");
      expect(isUploadId(id) && isFileId(file?.id ?? "")).toBe(true);
    }
    await own.close();
    expect(new Set(ids).size).toBe(400);
    expect(drawn.filter(({ length }) => length >= 16).length).toBeGreaterThanOrEqual(400);
    // Every character but the last takes each of its 32 values about as often: far from it, some bits would not be random.
    const counts = new Map<string, number>();
    for (const id of ids)
      for (const letter of id.slice(0, 25)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    const expected = (400 * 25) / 32;
    const chi2 = [...counts.values()].reduce(
      (sum, count) => sum + (count - expected) ** 2 / expected,
      0,
    );
    expect(counts.size).toBe(32);
    // 31 degrees of freedom: above 80 once in 2 million runs.
    expect(chi2).toBeLessThan(80);
  });
});
