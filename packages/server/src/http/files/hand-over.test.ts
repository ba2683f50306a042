// Which downloads nginx in front is given to send, and which never.
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { afterEach, describe, expect, it } from "vitest";
import {
  ask,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../server.fixture.ts";

const CONTENT = Buffer.alloc(300_000, "handed over ");
const THROUGH: TestServerOptions = { proxies: ["127.0.0.1", "::1"], accelPrefix: "/internal/" };

let server: TestServer;
afterEach(() => server.close());

/** A storage that has lost the end of a file, or has bytes behind it. */
function storageThatHas(more: -1 | 1): NonNullable<TestServerOptions["parts"]> {
  const memory = createMemoryStorage();
  const read: typeof memory.read = async (object, offset, into, ...rest) => {
    const size = await memory.read(object, offset, into, ...rest);
    return object.kind === "bytes" && size < into.length ? Math.max(0, size + more) : size;
  };
  return { storage: { ...memory, read } };
}

async function bring(options: TestServerOptions, name = "a.txt", body = CONTENT): Promise<string> {
  server = await startTestServer(options);
  const made = await ask(server, {
    ...{ method: "POST", path: "/v1/files", body },
    headers: {
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
      "content-type": "text/plain",
    },
  });
  expect(made.status).toBe(201);
  return String(made.json["url"]);
}

const get = (path: string, headers = {}, method = "GET") => ask(server, { method, path, headers });
const NAMED = /^\/internal\/[a-z2-7]{26}\.bytes$/;

describe("a download through nginx", () => {
  it.each<readonly [string, Record<string, string>]>([
    ["the whole file", {}],
    ["one range", { range: "bytes=5-9" }],
    ["the end", { range: "bytes=-9" }],
    ["a tag that it does not have", { "if-none-match": '"x"' }],
  ])("is its own to send: %s", async (_, headers) => {
    const path = await bring(THROUGH);
    const answer = await get(path, headers);
    expect([answer.status, answer.bytes.length]).toEqual([200, 0]);
    expect(answer.headers["x-accel-redirect"]).toMatch(NAMED);
    expect(answer.headers).toMatchObject({
      "content-type": "text/plain",
      "cache-control": "private, no-cache",
      "content-security-policy": "sandbox; default-src 'none'",
    });
    expect(answer.headers.etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(answer.headers["content-disposition"]).toMatch(/^attachment;/);
  });

  it.each<readonly [string, Record<string, string>, number]>([
    ["several ranges", { range: "bytes=0-0,9-9" }, 206],
    ["a range that is none", { range: "bytes=x" }, 200],
    ["a range that nginx would not read", { range: "bytes=,5-9" }, 206],
    ["a range behind the end", { range: "bytes=300000-" }, 416],
    ["a range of what was another file", { range: "bytes=0-9", "if-range": '"x"' }, 200],
    ["a tag that it must have", { "if-match": "*" }, 200],
    ["another tag", { "if-match": '"x"' }, 412],
    ["what it has", { "if-none-match": "*" }, 304],
    ["a date", { "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT" }, 200],
    ["what is to be checked", { "holdfast-verify": "?1" }, 200],
  ])("is answered here: %s", async (_, headers, status) => {
    const answer = await get(await bring(THROUGH), headers);
    expect([answer.status, answer.headers["x-accel-redirect"]]).toEqual([status, undefined]);
  });

  it.each([-1, 1] as const)(
    "is answered here where the disk has other bytes than it: %i",
    async (more) => {
      const path = await bring({ ...THROUGH, parts: storageThatHas(more) });
      const answer = await get(path, { range: "bytes=0-9" });
      expect([answer.status, answer.headers["x-accel-redirect"]]).toEqual([206, undefined]);
    },
  );

  it("is answered here where it has no content to send", async () => {
    const path = await bring(THROUGH, "empty", Buffer.alloc(0));
    expect((await get(path)).headers["x-accel-redirect"]).toBeUndefined();
    const head = await get(path, {}, "HEAD");
    expect(head.headers["x-accel-redirect"]).toBeUndefined();
  });

  it("is never given to who is no proxy, whatever he says of himself", async () => {
    const path = await bring({ proxies: ["10.0.0.1"], accelPrefix: "/internal/" });
    const answer = await get(path, { "x-forwarded-for": "10.0.0.1", via: "1.1 nginx" });
    expect(answer.headers["x-accel-redirect"]).toBeUndefined();
    expect(answer.bytes.equals(CONTENT)).toBe(true);
  });

  it("names nothing that anybody has sent", async () => {
    const path = await bring(THROUGH, "X-Accel-Redirect: etc passwd .. %0d%0a");
    const answer = await get(path, { "x-accel-redirect": "/etc/passwd" });
    expect(answer.headers["x-accel-redirect"]).toMatch(NAMED);
    const accel = Object.keys(answer.headers).filter((name) => name.startsWith("x-accel-"));
    expect(accel).toEqual(["x-accel-redirect"]);
  });
});
