// Rows of the threat table on a whole server, on its real disk and records: each test is named by its row.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkName,
  decodeUpload,
  encodeBase64,
  isHoldfastError,
  KIB,
  type UploadView,
} from "@holdfast/protocol";
import { hostileNames } from "@holdfast/testkit/names";
import { sha256 } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type Ask,
  ask,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
} from "./http/server.fixture.ts";
import { createToken, type RunningServer, revokeToken, serve, type TokenWants } from "./index.ts";

const CONTENT = Buffer.alloc(600 * KIB, "holdfast ");

let dataDir: string;
let server: RunningServer | undefined;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "holdfast-security-"));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(dataDir, { recursive: true });
});

async function start(): Promise<RunningServer> {
  server = await serve({ dataDir, port: 0, log: () => undefined });
  return server;
}

function json(method: string, path: string, value: unknown, token?: string): Ask {
  const auth = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { "content-type": "application/json", ...auth };
  return { method, path, headers, body: JSON.stringify(value) };
}

function make(more: Partial<TokenWants> = {}) {
  return createToken(dataDir, { name: "ann", tenant: "acme", scopes: ["read", "write"], ...more });
}

async function create(at: RunningServer, token: string): Promise<UploadView> {
  const wants = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB };
  const made = await ask(at, json("POST", "/v1/uploads", wants, token));
  expect(made.status).toBe(201);
  return decodeUpload(made.json);
}

function put(at: RunningServer, view: UploadView, run: readonly [number, number], token: string) {
  const request = putRequest(view, CONTENT, run);
  return ask(at, { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } });
}

describe("row 1: 500 names", () => {
  it("lead nowhere on the server's disk, and come back as they are or are refused", async () => {
    const names = hostileNames();
    expect(names.length).toBeGreaterThanOrEqual(500);
    const at = await start();
    let taken = 0;
    for (const name of names) {
      const answer = await ask(at, json("POST", "/v1/uploads", { name, size: 0 }));
      const wanted = acceptable(name);
      if (wanted === undefined) {
        expect([name, answer.status, answer.json["field"]]).toEqual([name, 400, "name"]);
        continue;
      }
      taken++;
      const { file } = decodeUpload(answer.json);
      const { headers } = await ask(at, { method: "HEAD", path: file?.url ?? "" });
      const extended = /filename\*=UTF-8''([^;]*)$/.exec(headers["content-disposition"] ?? "");
      expect(decodeURIComponent(extended?.[1] ?? "")).toBe(wanted);
    }
    expect(taken).toBeGreaterThan(200);
    expect(names.length - taken).toBeGreaterThan(100);
    // What is on the disk is named by ids, whatever people call it.
    for (const name of await readdir(join(dataDir, "uploads"), { recursive: true })) {
      expect(name).toMatch(/^(?:[a-z2-7]{2}|[a-z2-7]{2}\/)?(?:[a-z2-7]{26}\.[a-z]+)?$/);
    }
  }, 60_000);
});

/** The name in the form that is kept, or undefined. */
function acceptable(name: string): string | undefined {
  try {
    return checkName(name);
  } catch (error) {
    if (isHoldfastError(error)) return undefined;
    throw error;
  }
}

describe("row 8: slow bodies", () => {
  it("hold up nobody, and end when they stop", async () => {
    const slow = await startTestServer();
    const wants = { name: "a", size: CONTENT.length, partSize: 256 * KIB };
    const view = decodeUpload((await ask(slow, json("POST", "/v1/uploads", wants))).json);
    const others = decodeUpload((await ask(slow, json("POST", "/v1/uploads", wants))).json);
    const { body, ...head } = putRequest(others, CONTENT, [0, 1]);
    const connections = await Promise.all(Array.from({ length: 200 }, () => openRaw(slow)));
    for (const { socket } of connections) {
      socket.write(
        rawHead({ ...head, headers: { ...head.headers, "content-length": `${body.length}` } }),
      );
      socket.write("a few bytes");
    }
    // A few more never finish their headers.
    for (let at = 0; at < 50; at++)
      (await openRaw(slow)).socket.write("GET / HTTP/1.1\r\nHost: a\r\nX-");
    for (const run of [
      [0, 1],
      [1, 2],
      [2, 3],
    ] as const) {
      expect((await ask(slow, putRequest(view, CONTENT, run))).status).toBe(200);
    }
    // The test's clock is the one of bodies: half a minute in which nothing came.
    for (let at = 0; at < 12; at++) {
      slow.clock.advance(5000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = await Promise.all(connections.map(({ until }) => until("\r\n\r\n")));
    const statuses = new Set(answers.map((text) => text.slice(9, 12)));
    expect([...statuses].sort()).toEqual(["408", "409"]);
    for (const { socket } of connections) socket.destroy();
    await slow.close();
  }, 30_000);
});

describe("row 9: quotas", () => {
  it.each([
    ["open uploads", { openMax: 7 }, 1000],
    ["bytes", { bytesMax: 7 * 1024 * KIB }, 1024 * KIB],
  ])("of %s hold against 50 creates at once", async (_name, limits, size) => {
    const { token } = make({ limits });
    const at = await start();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        ask(at, json("POST", "/v1/uploads", { name: "a", size }, token)),
      ),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(201), count(429)]).toEqual([7, 43]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.json["code"]).toBe("quota_exceeded");
    expect(refused?.headers["retry-after"]).toMatch(/^\d+$/);
    // One that ends makes room for one more.
    const { id } = decodeUpload(answers.find(({ status }) => status === 201)?.json);
    const end = {
      method: "DELETE",
      path: `/v1/uploads/${id}`,
      headers: { authorization: `Bearer ${token}` },
    };
    expect((await ask(at, end)).status).toBe(204);
    const again = () => ask(at, json("POST", "/v1/uploads", { name: "a", size }, token));
    expect([(await again()).status, (await again()).status]).toEqual([201, 429]);
  });

  it("of parts in flight hold while they are on their way", async () => {
    const { token } = make({ limits: { partsInFlightMax: 2 } });
    const at = await start();
    const view = await create(at, token);
    const slow = await Promise.all(
      [0, 1].map(async (index) => {
        const { body, ...head } = putRequest(view, CONTENT, [index, index + 1]);
        const headers = { authorization: `Bearer ${token}`, "content-length": `${body.length}` };
        const raw = await openRaw(at);
        raw.socket.write(rawHead({ ...head, headers: { ...head.headers, ...headers } }));
        raw.socket.write(body.subarray(0, 1000));
        return { raw, rest: body.subarray(1000) };
      }),
    );
    let third = await put(at, view, [2, 3], token);
    // The two that were first may not have been looked at yet.
    while (third.status === 200) third = await put(at, view, [2, 3], token);
    expect([third.status, third.json["code"]]).toEqual([429, "too_many_requests"]);
    const status = await ask(at, {
      path: `/v1/uploads/${view.id}`,
      headers: { authorization: `Bearer ${token}` },
    });
    expect(status.status).toBe(200);
    for (const { raw, rest } of slow) {
      raw.socket.write(rest);
      expect(await raw.until('"committed"')).toMatch(/^HTTP\/1\.1 200 /);
      raw.socket.destroy();
    }
    expect((await put(at, view, [2, 3], token)).status).toBe(200);
  });

  it("of size hold at create", async () => {
    const { token } = make({ limits: { sizeMax: 1000 } });
    const at = await start();
    const sized = (size: number) =>
      ask(at, json("POST", "/v1/uploads", { name: "a", size }, token));
    expect((await sized(1000)).status).toBe(201);
    expect((await sized(1001)).json).toMatchObject({ code: "size_too_large", limit: 1000 });
  });
});

describe("row 18: what a request says of its host", () => {
  const SPOOFS: readonly Readonly<Record<string, string>>[] = [
    { host: "evil.example" },
    { host: "evil.example:1" },
    { host: "127.0.0.1\\@evil.example" },
    { "x-forwarded-host": "evil.example" },
    { "x-forwarded-proto": "evil" },
    { "x-forwarded-for": "127.0.0.1, evil.example" },
    { "x-forwarded-prefix": "/evil" },
    { "x-forwarded-server": "evil.example" },
    { forwarded: 'for=127.0.0.1;host="evil.example";proto=https' },
    { "x-original-url": "/evil" },
    { "x-rewrite-url": "/evil" },
    { "x-http-method-override": "DELETE" },
    { referer: "http://evil.example/" },
  ];

  it("changes no output", async () => {
    // With a token: a server without one refuses names that are not this machine's (cors.test.ts).
    const { token } = make();
    const at = await start();
    const headers = { authorization: `Bearer ${token}` };
    const open = await ask(
      at,
      json("POST", "/v1/uploads", { name: "a", size: CONTENT.length }, token),
    );
    const view = decodeUpload(open.json);
    const empty = decodeUpload(
      (await ask(at, json("POST", "/v1/uploads", { name: "e", size: 0 }, token))).json,
    );
    const url = empty.file?.url ?? "";
    const part = { index: 0, digest: encodeBase64(sha256(CONTENT)) };
    const requests: readonly Ask[] = [
      { path: "/" },
      { path: `/v1/uploads/${view.id}` },
      { path: url },
      { path: `${url}/manifest` },
      { path: "/v1/nothing" },
      json("POST", `/v1/uploads/${view.id}/requests`, { parts: [part] }),
      json("POST", `${url}/links`, {}),
      json("POST", "/v1/uploads", { name: "a", size: 1 }),
    ];
    for (const request of requests) {
      const plain = stable(
        await ask(at, { ...request, headers: { ...request.headers, ...headers } }),
      );
      for (const spoof of SPOOFS) {
        const answer = await ask(at, {
          ...request,
          headers: { ...request.headers, ...headers, ...spoof },
        });
        expect({ spoof, ...stable(answer) }).toEqual({ spoof, ...plain });
        expect(JSON.stringify(answer.headers) + answer.bytes.toString()).not.toContain("evil");
      }
    }
  });
});

/** An answer without what differs from one to the next by itself. */
function stable({ status, headers, bytes }: Answer): object {
  const { date: _, "content-length": __, location, ...rest } = headers;
  const text = bytes
    .toString()
    .replaceAll(
      /[a-z2-7]{26}|\b1[0-9]{9,12}\b|(?:sig|iat|exp)=[\w-]+|\d+ (?:s|GiB)\b|\d+[.,]\d+/g,
      "*",
    );
  return { status, location: location?.replaceAll(/[a-z2-7]{26}|=[\w-]+/g, "*"), rest, text };
}

describe("row 20: rights that end", () => {
  it("end an upload in the middle, and everything that was signed; another token goes on", async () => {
    const { token, info } = make();
    const at = await start();
    const view = await create(at, token);
    expect((await put(at, view, [0, 2], token)).status).toBe(200);
    const part = { index: 2, digest: encodeBase64(sha256(CONTENT.subarray(512 * KIB))) };
    const signed = await ask(
      at,
      json("POST", `/v1/uploads/${view.id}/requests`, { parts: [part] }, token),
    );
    const url = String(Object(Object(signed.json["requests"])[0]).url);

    revokeToken(dataDir, info.id);
    await seenBy(at, token);
    const complete = (by: string) =>
      ask(at, json("POST", `/v1/uploads/${view.id}/complete`, {}, by));
    expect((await put(at, view, [2, 3], token)).json["code"]).toBe("unauthorized");
    const refused = await complete(token);
    expect([refused.status, refused.headers["www-authenticate"]]).toEqual([
      401,
      'Bearer realm="holdfast", error="invalid_token"',
    ]);
    const late = await ask(at, { method: "PUT", path: url, body: CONTENT.subarray(512 * KIB) });
    expect(late.json["code"]).toBe("signature_refused");

    const reader = make({ name: "reader", scopes: ["read"] }).token;
    const next = make({ name: "next" }).token;
    await seenBy(at, next, 200);
    const forbidden = await complete(reader);
    expect([forbidden.status, forbidden.headers["www-authenticate"]]).toEqual([
      403,
      'Bearer realm="holdfast", error="insufficient_scope", scope="write"',
    ]);
    expect((await put(at, view, [2, 3], next)).status).toBe(200);
    expect((await complete(next)).status).toBe(200);
  });

  it.each([
    ["a small file", 1_000],
    ["a large one", CONTENT.length],
  ])("publish nothing of %s whose body was on its way", async (_name, size) => {
    const { token, info } = make();
    const at = await start();
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "text/plain",
      "content-disposition": 'attachment; filename="a"',
      "content-length": `${size}`,
      connection: "close",
    };
    const raw = await openRaw(at);
    raw.socket.write(rawHead({ method: "POST", path: "/v1/files", headers }));
    raw.socket.write(CONTENT.subarray(0, size - 10));
    await new Promise((resolve) => setTimeout(resolve, 100));
    revokeToken(dataDir, info.id);
    await seenBy(at, token);
    raw.socket.write(CONTENT.subarray(size - 10, size));
    expect(await raw.until('"code":')).toContain('"code":"unauthorized"');
    raw.socket.destroy();
    const reader = make({ name: "reader" }).token;
    await seenBy(at, reader, 200);
    const list = { path: "/v1/files", headers: { authorization: `Bearer ${reader}` } };
    expect((await ask(at, list)).json["files"]).toEqual([]);
  });

  it("open no server that has had tokens, not even when the last one goes", async () => {
    const at = await start();
    expect((await ask(at, { path: "/" })).status).toBe(200);
    const { token, info } = make({ scopes: ["admin"] });
    await seenBy(at, "none");
    expect(
      (await ask(at, { path: "/", headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(200);
    revokeToken(dataDir, info.id);
    await seenBy(at, token);
    expect((await ask(at, { path: "/" })).status).toBe(401);
  });
});

/** Waits until the server has looked at its tokens again, which it does within a second or so. */
async function seenBy(at: RunningServer, token: string, status = 401): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  for (let turn = 0; turn < 400; turn++) {
    if ((await ask(at, { path: "/openapi.json", headers })).status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the server never answered ${status}`);
}

describe("row 24: members of every object", () => {
  const POISON =
    '{"__proto__":{"isAdmin":true,"size":5},"constructor":{"prototype":{"isAdmin":true}},';

  it("are data as metadata, and nothing elsewhere", async () => {
    const at = await start();
    const text = `${POISON}"name":"a","size":0,"tenant":"evil","principal":"evil","state":"complete","id":"x","metadata":{"__proto__":"p","constructor":"c","toString":"t"}}`;
    const headers = { "content-type": "application/json" };
    const made = await ask(at, { method: "POST", path: "/v1/uploads", headers, body: text });
    const view = decodeUpload(made.json);
    expect([...view.metadata].sort()).toEqual([
      ["__proto__", "p"],
      ["constructor", "c"],
      ["toString", "t"],
    ]);
    expect([view.name, view.size]).toEqual(["a", 0]);
    const manifest = await ask(at, { path: `${view.file?.url}/manifest` });
    expect(manifest.bytes.toString()).toContain(
      '"metadata":{"__proto__":"p","constructor":"c","toString":"t"}',
    );
  });

  it.each([
    ["POST", "/v1/uploads", `${POISON}"x":1}`],
    ["POST", "/v1/uploads", '{"__proto__":{"name":"a","size":1}}'],
    ["POST", "/v1/uploads", '{"name":"a","size":1,"metadata":{"__proto__":{"a":1}}}'],
    ["POST", "/v1/uploads", '{"name":{"__proto__":"a"},"size":1}'],
    ["POST", "/v1/uploads/UPLOAD/requests", '{"parts":{"__proto__":[],"length":1}}'],
    ["POST", "/v1/uploads/UPLOAD/requests", '{"parts":[{"__proto__":{"index":0,"digest":"a"}}]}'],
    ["POST", "/v1/uploads/UPLOAD/parts", '{"__proto__":{"parts":[]}}'],
    ["POST", "/v1/uploads/UPLOAD/complete", '{"size":{"__proto__":null,"valueOf":1}}'],
    ["POST", "/v1/uploads/UPLOAD/complete", "[]"],
    ["GET", "/v1/uploads/__proto__", ""],
    ["GET", "/v1/files/constructor", ""],
    ["GET", "/v1/files/FILE/manifest?proof=__proto__", ""],
    ["GET", "/__proto__", ""],
  ])("%s %s %s is refused like any other nonsense", async (method, path, body) => {
    const at = await start();
    const view = decodeUpload(
      (await ask(at, json("POST", "/v1/uploads", { name: "a", size: 1 }))).json,
    );
    const empty = decodeUpload(
      (await ask(at, json("POST", "/v1/uploads", { name: "a", size: 0 }))).json,
    );
    const real = path.replace("UPLOAD", view.id).replace("FILE", empty.file?.id ?? "");
    const headers = { "content-type": "application/json" };
    const answer = await ask(at, { method, path: real, headers, ...(body ? { body } : {}) });
    expect([400, 404]).toContain(answer.status);
    expect(Object.hasOwn(Object.prototype, "isAdmin")).toBe(false);
  });
});

describe("row 15: secrets", () => {
  it("are compared by no operator that stops at the first difference", async () => {
    const { readFile } = await import("node:fs/promises");
    const root = new URL(".", import.meta.url).pathname;
    const words = "secret|signature|password|mac|hash";
    const comparedOf = (names: string) =>
      new RegExp(
        `(?:${names})\\s*[!=]==?(?!=|\\s*(?:undefined|"|null))|[!=]==?\\s*[\\w.]*(?:${names})\\b`,
        "i",
      );
    const compared = comparedOf(`${words}|token`);
    // In the records a token is the number of a claim: no secret.
    const comparedInRecords = comparedOf(words);
    expect(compared.test("if (token === given)")).toBe(true);
    expect(comparedInRecords.test("if (given !== known.hash)")).toBe(true);
    let looked = 0;
    for (const name of await readdir(root, { recursive: true })) {
      if (!name.endsWith(".ts") || name.includes(".test.") || name.includes(".fixture.")) continue;
      looked++;
      const lines = (await readFile(join(root, name), "utf8")).split("\n");
      const rule = name.startsWith("metadata/") ? comparedInRecords : compared;
      const found = lines.filter((line) => rule.test(line) && !/^\s*(?:\/\/|\*|\/\*)/.test(line));
      expect({ name, found }).toEqual({ name, found: [] });
    }
    expect(looked).toBeGreaterThan(50);
  });
});
