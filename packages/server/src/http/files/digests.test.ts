// Digests that a download is asked for: which there are, of which bytes, and where there is none.
import { createHash } from "node:crypto";
import { decodeFile, encodeHex, type FileView, KIB } from "@holdfast/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, startTestServer, type TestServer } from "../server.fixture.ts";

const CONTENT = Buffer.alloc(2300 * KIB);
for (let at = 0; at < CONTENT.length; at += 4) CONTENT.writeUInt32LE(at * 13, at);
const SIZE = CONTENT.length;
/** Of files that come in one request. */
const PART = 1024 * KIB;

let server: TestServer;
let large: FileView;
let small: FileView;
beforeAll(async () => {
  server = await startTestServer();
  large = await bring(CONTENT);
  small = await bring(CONTENT.subarray(0, 1000));
});
afterAll(() => server.close());

async function bring(content: Buffer, headers: Record<string, string> = {}): Promise<FileView> {
  const name = { "content-disposition": "attachment; filename=a" };
  const answer = await ask(server, {
    method: "POST",
    path: "/v1/files",
    headers: { ...name, ...headers },
    body: content,
  });
  expect(answer.status).toBe(201);
  return decodeFile(answer.json);
}

function digestOf(bytes: Uint8Array): string {
  return `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
}

function get({ url }: FileView, headers: Record<string, string>, method = "GET") {
  return ask(server, { method, path: url, headers });
}

const wish = { "want-content-digest": "sha-256=10" };

describe("Content-Digest", () => {
  it.each([
    ["a part", 0, PART],
    ["the last part, which is shorter", 2 * PART, SIZE],
    ["few bytes across a border", PART - 5, PART + 5],
    ["as much as is read once more", 1, PART + 1],
  ])("of %s covers what came", async (_, start, end) => {
    const range = `bytes=${start}-${end - 1}`;
    const answer = await get(large, { range, ...wish });
    expect(answer.status).toBe(206);
    expect(answer.bytes.length).toBe(end - start);
    expect(answer.headers["content-digest"]).toBe(digestOf(answer.bytes));
  });

  it.each([
    ["more than is read once more", { range: `bytes=1-${PART + 1}` }],
    ["two parts", { range: `bytes=0-${2 * PART - 1}` }],
    ["a large file whose digest nobody has verified", {}],
    ["several ranges", { range: "bytes=0-9,20-29" }],
  ])("is not there for %s", async (_, headers: Record<string, string>) => {
    const answer = await get(large, { ...headers, ...wish });
    expect(answer.status).toBeLessThan(300);
    expect(answer.headers["content-digest"]).toBeUndefined();
  });

  it("of a whole file is there where it was verified, and where there is one part", async () => {
    const few = CONTENT.subarray(0, 2000);
    const proved = await bring(few, { "content-digest": digestOf(few) });
    const whole = await get(proved, wish);
    expect(whole.headers["content-digest"]).toBe(digestOf(few));
    expect(whole.headers["repr-digest"]).toBe(digestOf(few));
    const range = await get(proved, { ...wish, range: "bytes=10-19" });
    expect(range.headers["content-digest"]).toBe(digestOf(few.subarray(10, 20)));
    expect(range.headers["repr-digest"]).toBe(digestOf(few));
    const one = await get(small, wish);
    expect(one.headers["content-digest"]).toBe(digestOf(CONTENT.subarray(0, 1000)));
    const empty = await bring(Buffer.alloc(0));
    expect((await get(empty, wish)).headers["content-digest"]).toBe(digestOf(Buffer.alloc(0)));
  });

  it.each([{}, { "want-content-digest": "sha-256=0" }, { "want-content-digest": "sha-512=10" }])(
    "is not there where %j does not ask for it",
    async (headers) => {
      const answer = await get(small, headers as Record<string, string>);
      expect(answer.headers["content-digest"]).toBeUndefined();
    },
  );

  it("is not there with HEAD, whose answer has no content", async () => {
    const head = await get(small, wish, "HEAD");
    expect(head.headers["content-digest"]).toBeUndefined();
  });
});

describe("Repr-Digest", () => {
  const wanted = { "want-repr-digest": "sha-256=10" };

  it("of a file of one part is its part's, whichever range comes", async () => {
    const expected = digestOf(CONTENT.subarray(0, 1000));
    expect((await get(small, wanted)).headers["repr-digest"]).toBe(expected);
    const range = await get(small, { ...wanted, range: "bytes=5-9" });
    expect(range.headers["repr-digest"]).toBe(expected);
    expect((await get(small, wanted, "HEAD")).headers["repr-digest"]).toBe(expected);
  });

  it("is not made up where nobody has verified the whole", async () => {
    expect((await get(large, wanted)).headers["repr-digest"]).toBeUndefined();
  });

  it("of a manifest is always there, and its Content-Digest where it is asked for", async () => {
    const path = `${large.url}/manifest`;
    const plain = await ask(server, { path });
    expect(plain.headers["repr-digest"]).toBe(digestOf(plain.bytes));
    expect(plain.headers["content-digest"]).toBeUndefined();
    const asked = await ask(server, { path, headers: wish });
    expect(asked.headers["content-digest"]).toBe(digestOf(asked.bytes));
    expect(asked.headers.etag).toBe(
      `"${encodeHex(createHash("sha256").update(asked.bytes).digest())}"`,
    );
  });
});
