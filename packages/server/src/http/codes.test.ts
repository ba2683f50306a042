// Every code of the error table that has a status, provoked over HTTP and read back as a client does.
import {
  createSlotPool,
  type MetadataStore,
  type RegionStorage,
  SLOT_SIZE,
} from "@holdfast/engine";
import {
  decodeProblem,
  decodeUpload,
  ERRORS,
  type ErrorCode,
  errorRow,
  HoldfastError,
  isErrorCode,
  KIB,
  MIB,
  PROBLEM_TYPE,
  type UploadView,
} from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { nodeDigests } from "@holdfast/testkit/digests";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { alice, openPolicy } from "@holdfast/testkit/world";
import { afterEach, describe, expect, it } from "vitest";
import {
  type Answer,
  ask,
  askJson,
  declines,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "./server.fixture.ts";

let servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function start(options?: TestServerOptions): Promise<TestServer> {
  const server = await startTestServer(options);
  servers.push(server);
  return server;
}

const UNKNOWN = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
const CONTENT = Buffer.alloc(600 * KIB, "holdfast ");

const APPEND = {
  "content-type": "application/partial-upload",
  "upload-offset": "0",
  "upload-complete": "?0",
};

async function create(server: TestServer, more: object = {}): Promise<UploadView> {
  const body = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB, ...more };
  const made = await askJson(server, "POST", "/v1/uploads", body);
  expect(made.status).toBe(201);
  return decodeUpload(made.json);
}

async function put(server: TestServer, view: UploadView, run: readonly [number, number]) {
  return ask(server, putRequest(view, CONTENT, run));
}

async function publish(server: TestServer): Promise<{ view: UploadView; path: string }> {
  const view = await create(server);
  expect((await put(server, view, [0, 3])).status).toBe(200);
  const done = await ask(server, { method: "POST", path: `/v1/uploads/${view.id}/complete` });
  expect(done.status).toBe(200);
  return { view, path: decodeUpload(done.json).file?.url ?? "" };
}

/** A storage whose writes fail as told. */
function faulty(write: RegionStorage["write"]): RegionStorage {
  return { ...createMemoryStorage(), write };
}

/** A storage whose writes wait until they are let go. */
function slow(): {
  readonly storage: RegionStorage;
  readonly begun: Promise<void>;
  release(): void;
} {
  const memory = createMemoryStorage();
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  return {
    begun: begun.promise,
    release: gate.resolve,
    storage: {
      ...memory,
      async write(...args) {
        begun.resolve();
        await gate.promise;
        await memory.write(...args);
      },
    },
  };
}

const CASES: Partial<Record<ErrorCode, () => Promise<Answer>>> = {
  async invalid_request() {
    return askJson(await start(), "POST", "/v1/uploads", { name: "a/b", size: 1 });
  },
  async invalid_digest() {
    const server = await start();
    const view = await create(server);
    return ask(server, { ...putRequest(view, CONTENT, [0, 1]), headers: {} });
  },
  async body_size_mismatch() {
    const server = await start();
    const view = await create(server);
    return ask(server, { ...putRequest(view, CONTENT, [0, 1]), body: "short" });
  },
  async part_out_of_range() {
    const server = await start();
    const view = await create(server);
    const path = `/v1/uploads/${view.id}/parts/3`;
    return ask(server, { ...putRequest(view, CONTENT, [0, 1]), path });
  },
  async run_too_long() {
    const path = `/v1/uploads/${UNKNOWN}/parts/0-64`;
    return ask(await start(), { method: "PUT", path });
  },
  async unauthorized() {
    return ask(await start({ token: "right" }), {
      path: "/v1/uploads/x",
      headers: { authorization: "Bearer wrong" },
    });
  },
  async forbidden() {
    const decide = () => Promise.reject(new HoldfastError("forbidden"));
    const server = await start({ parts: { policy: { ...openPolicy, decide } } });
    return askJson(server, "POST", "/v1/uploads", { name: "a", size: 1 });
  },
  async signature_refused() {
    return ask(await start(), { method: "PUT", path: `/p/aaaaaaaa/${UNKNOWN}/0?sig=a` });
  },
  async upload_not_found() {
    return ask(await start(), { path: `/v1/uploads/${UNKNOWN}` });
  },
  async file_not_found() {
    return ask(await start(), { path: `/v1/files/${UNKNOWN}` });
  },
  async route_not_found() {
    return ask(await start(), { path: "/v2/uploads" });
  },
  async method_not_allowed() {
    return ask(await start(), { method: "PATCH", path: "/v1/uploads" });
  },
  async body_stalled() {
    const server = await start();
    const view = await create(server);
    const { body, ...head } = putRequest(view, CONTENT, [0, 1]);
    const headers = { ...head.headers, "content-length": String(body.length) };
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ ...head, headers }));
    raw.socket.write(body.slice(0, 1000));
    await untilWaiting(server);
    server.clock.advance(30_000);
    return parseRaw(await raw.until("\r\n\r\n{"));
  },
  async part_conflict() {
    const server = await start();
    const view = await create(server);
    await put(server, view, [0, 1]);
    const other = Buffer.alloc(CONTENT.length, 7);
    return ask(server, putRequest(view, other, [0, 1]));
  },
  async part_busy() {
    const { storage, begun, release } = slow();
    const server = await start({ parts: { storage } });
    const view = await create(server);
    const first = put(server, view, [0, 1]);
    await begun;
    const second = await put(server, view, [0, 1]);
    release();
    expect((await first).status).toBe(200);
    return second;
  },
  async parts_missing() {
    const server = await start();
    const view = await create(server);
    return ask(server, { method: "POST", path: `/v1/uploads/${view.id}/complete` });
  },
  async root_mismatch() {
    const server = await start();
    const view = await create(server);
    await put(server, view, [0, 3]);
    const root = "00".repeat(32);
    return askJson(server, "POST", `/v1/uploads/${view.id}/complete`, { root });
  },
  async digest_unsupported() {
    // An engine that has SHA-256 and nothing else.
    const server = await start({ parts: { digests: nodeDigests } });
    return askJson(server, "POST", "/v1/uploads", { name: "a", size: 5, digest: "blake3" });
  },
  async file_digest_mismatch() {
    const server = await start();
    const view = await create(server);
    await put(server, view, [0, 3]);
    const sha256 = "00".repeat(32);
    for (;;) {
      const answer = await askJson(server, "POST", `/v1/uploads/${view.id}/complete`, { sha256 });
      // A slow machine proves longer than an answer waits; asking again tells, as it tells clients.
      if (answer.status !== 202) return answer;
    }
  },
  async size_mismatch() {
    const server = await start();
    const view = await create(server);
    return askJson(server, "POST", `/v1/uploads/${view.id}/complete`, { size: 1 });
  },
  async upload_not_open() {
    const server = await start();
    const { view } = await publish(server);
    return ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}` });
  },
  async upload_ended() {
    const server = await start();
    const view = await create(server);
    const path = `/v1/uploads/${view.id}`;
    expect((await ask(server, { method: "DELETE", path })).status).toBe(204);
    return put(server, view, [0, 1]);
  },
  async upload_unreadable() {
    const server = await start({ parts: { storage: createMemoryParts() } });
    const answer = await askJson(server, "POST", "/v1/uploads", { name: "a", size: 5 });
    const { id } = decodeUpload(answer.json);
    return ask(server, { path: `/v1/uploads/${id}/content` });
  },
  async version_unsupported() {
    return ask(await start(), { method: "POST", path: "/tus", headers: { "upload-length": "5" } });
  },
  async precondition_failed() {
    const server = await start();
    const { path } = await publish(server);
    return ask(server, { path, headers: { "if-match": '"other"' } });
  },
  async size_too_large() {
    return askJson(await start(), "POST", "/v1/uploads", { name: "a", size: 2 ** 53 - 1 });
  },
  async range_not_satisfiable() {
    const server = await start();
    const { path } = await publish(server);
    return ask(server, { path, headers: { range: `bytes=${CONTENT.length}-` } });
  },
  async digest_mismatch() {
    const server = await start();
    const view = await create(server);
    const request = putRequest(view, CONTENT, [0, 1]);
    return ask(server, { ...request, body: Buffer.alloc(256 * KIB, 1) });
  },
  async headers_too_large() {
    const raw = await openRaw(await start());
    raw.socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(70 * KIB)}\r\n\r\n`);
    return parseRaw(await raw.until("\r\n\r\n{"));
  },
  async too_many_requests() {
    const server = await start({ requestsMax: 1 });
    const view = await create(server);
    const { body: _, ...head } = putRequest(view, CONTENT, [0, 1]);
    const raw = await openRaw(server);
    raw.socket.write(
      rawHead({ ...head, headers: { ...head.headers, "content-length": "262144" } }),
    );
    await untilWaiting(server);
    const answer = await ask(server, { path: `/v1/uploads/${view.id}` });
    // Health is told all the same, and the principal is welcome again once its request is over.
    expect((await ask(server, { path: "/livez" })).status).toBe(200);
    raw.socket.destroy();
    while (server.timers() > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await ask(server, { path: `/v1/uploads/${view.id}` })).status).toBe(200);
    return answer;
  },
  async overloaded() {
    const slots = createSlotPool(SLOT_SIZE);
    const clock = createVirtualClock();
    const server = await start({ parts: { slots, clock } });
    const view = await create(server);
    await slots.take();
    const answer = put(server, view, [0, 1]);
    while (slots.waiting() === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_000);
    return answer;
  },
  async origin_not_allowed() {
    const headers = { origin: "https://evil.example" };
    return ask(await start(), { method: "POST", path: "/v1/uploads", headers });
  },
  async body_consumed() {
    const server = await start({ hasParser: true });
    // What has no body is served all the same.
    expect((await ask(server, { path: "/livez" })).status).toBe(200);
    return askJson(server, "POST", "/v1/uploads", { name: "a", size: 1 });
  },
  async internal() {
    const metadata = createMemoryMetadata();
    const upload = () => Promise.reject(new Error("secret of the inside"));
    const server = await start({ parts: { metadata: { ...metadata, upload } } });
    const answer = await ask(server, { path: `/v1/uploads/${UNKNOWN}` });
    expect(answer.bytes.toString()).not.toContain("inside");
    const { request } = answer.json;
    expect(request).toMatch(/^[0-9a-f]{16}$/);
    const line = server.logged.find(({ event }) => event === "internal error");
    expect(line?.fields).toMatchObject({ request });
    return answer;
  },
  async shutting_down() {
    const server = await start();
    await server.engine.drain(0);
    return askJson(server, "POST", "/v1/uploads", { name: "a", size: 1 });
  },
  async recovering() {
    const fail = () => Promise.reject(new HoldfastError("storage_failed"));
    const storage = { ...faulty(fail), reset: () => new Promise<void>(() => undefined) };
    const server = await start({ parts: { storage } });
    const view = await create(server);
    await put(server, view, [0, 1]);
    return put(server, view, [0, 1]);
  },
  async storage_failed() {
    const fail = () => Promise.reject(new HoldfastError("storage_failed"));
    const server = await start({ parts: { storage: faulty(fail) } });
    return put(server, await create(server), [0, 1]);
  },
  async idempotency_conflict() {
    const server = await start();
    const create = (size: number) =>
      ask(server, {
        method: "POST",
        path: "/v1/uploads",
        headers: { "content-type": "application/json", "idempotency-key": "one" },
        body: JSON.stringify({ name: "a.bin", size }),
      });
    expect((await create(1)).status).toBe(201);
    return create(2);
  },
  async quota_exceeded() {
    const authenticate = async () => ({ ...alice, limits: { openMax: 1 } });
    const policy = { ...openPolicy, authenticate };
    const server = await start({ parts: { policy } });
    await create(server);
    return askJson(server, "POST", "/v1/uploads", { name: "b.bin", size: 1 });
  },
  async append_in_progress() {
    // However slow the machine is, the append is not quiet for 2 s.
    const server = await start({ parts: { clock: createVirtualClock() } });
    const view = await create(server);
    const path = `/v1/uploads/${view.id}`;
    const held = await openRaw(server);
    const headers = { ...APPEND, "content-length": "5" };
    held.socket.write(`${rawHead({ method: "PATCH", path, headers })}a`);
    await untilWaiting(server);
    return put(server, view, [0, 1]);
  },
  async claim_lost() {
    const memory = createMemoryMetadata();
    const metadata: MetadataStore = {
      ...memory,
      async apply(change) {
        if (change.kind === "append") {
          const { id, token = 0 } = change;
          await memory.apply({ kind: "want", id, token });
          const claim = { kind: "claim", id, holder: "b", token: token + 1 } as const;
          await memory.apply({ ...claim, lifeMs: 60_000, patienceMs: 0 });
        }
        return memory.apply(change);
      },
    };
    const server = await start({ parts: { host: "a", metadata } });
    const path = `/v1/uploads/${(await create(server)).id}`;
    return ask(server, { method: "PATCH", path, headers: APPEND, body: "a" });
  },
  async offset_mismatch() {
    const server = await start();
    const path = `/v1/uploads/${(await create(server)).id}`;
    const headers = { ...APPEND, "upload-offset": "7" };
    const answer = await ask(server, { method: "PATCH", path, headers, body: "a" });
    expect(answer.headers).toMatchObject({ "upload-offset": "0", "upload-complete": "?0" });
    return answer;
  },
  async media_type_unsupported() {
    const server = await start();
    const path = `/v1/uploads/${(await create(server)).id}`;
    const headers = { ...APPEND, "content-type": "text/plain" };
    return ask(server, { method: "PATCH", path, headers, body: "a" });
  },
  async part_damaged() {
    const memory = createMemoryStorage();
    const read: RegionStorage["read"] = async (object, offset, into, ...rest) => {
      const size = await memory.read(object, offset, into, ...rest);
      if (object.kind === "bytes") into[0] = 255 - (into[0] ?? 0);
      return size;
    };
    const server = await start({ parts: { storage: { ...memory, read } } });
    const made = await ask(server, {
      ...{ method: "POST", path: "/v1/files", body: CONTENT },
      headers: { "content-disposition": "attachment; filename=a" },
    });
    const headers = { "holdfast-verify": "?1" };
    return ask(server, { path: String(made.json["url"]), headers });
  },
  async storage_full() {
    const storage = createMemoryStorage({ capacity: 1 * KIB });
    const server = await start({ parts: { storage } });
    return put(server, await create(server), [0, 1]);
  },
};

/** Resolves once the body timer of a request runs: the engine waits for its bytes. */
async function untilWaiting(server: TestServer): Promise<void> {
  while (server.timers() === 0) await new Promise((resolve) => setImmediate(resolve));
}

function parseRaw(text: string): Answer {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(":")).toLowerCase(),
      line.slice(line.indexOf(":") + 2),
    ]),
  );
  const bytes = Buffer.from(body);
  const status = Number(first.split(" ")[1]);
  return { status, headers, bytes, interim: [], json: JSON.parse(body) };
}

/** Codes that the host of the fetch-style adapter answers itself. */
const HOSTS: readonly ErrorCode[] = declines("fetch", "headers are read by the host")
  ? ["headers_too_large"]
  : [];

const ON_THE_WIRE = Object.keys(ERRORS)
  .filter(isErrorCode)
  .filter((code) => !HOSTS.includes(code))
  .filter((code) => errorRow(code).status !== 0);

describe("every code over HTTP", () => {
  it.each(ON_THE_WIRE)("%s", async (code) => {
    const provoke = CASES[code];
    if (!provoke) throw new Error(`nothing provokes ${code}`);
    const answer = await provoke();
    expect(answer.status).toBe(errorRow(code).status);
    expect(answer.headers["content-type"]).toBe(PROBLEM_TYPE);
    expect(answer.headers["holdfast-version"]).toBe("1");
    expect(answer.headers["x-content-type-options"]).toBe("nosniff");
    expect(answer.headers["referrer-policy"]).toBe("no-referrer");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["content-length"]).toBe(String(answer.bytes.length));
    expect(decodeProblem(answer.json)?.code).toBe(code);
    expect(answer.headers["retry-after"] !== undefined).toBe(errorRow(code).retry === "later");
    expect(answer.bytes.length).toBeLessThan(MIB);
  });
});
