// tus over a storage of parts: bytes and deferred lengths as on a disk.
import { MIB } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Answer, type Ask, ask, startTestServer, type TestServer } from "../server.fixture.ts";

const content = createRandom("tus in a store").bytes(2 * MIB + 77_777);
const BODY = "application/offset+octet-stream";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ parts: { storage: createMemoryParts() } });
});
afterEach(() => server.close());

type Fields = Readonly<Record<string, string>>;

function send(method: string, path: string, headers: Fields = {}, body?: Ask["body"]) {
  const all = { "tus-resumable": "1.0.0", ...headers };
  return ask(server, { method, path, headers: all, ...(body === undefined ? {} : { body }) });
}

async function create(headers: Fields): Promise<string> {
  const answer = await send("POST", "/tus", headers);
  expect(answer.status).toBe(201);
  return new URL(String(answer.headers.location), "http://h/tus").pathname;
}

function patch(path: string, at: number, end: number, more: Fields = {}): Promise<Answer> {
  const headers = { "content-type": BODY, "upload-offset": String(at), ...more };
  return send("PATCH", path, headers, content.subarray(at, end));
}

it.each([
  ["known", { "upload-length": String(content.length) }, {}],
  ["told at the end", { "upload-defer-length": "1" }, { "upload-length": String(content.length) }],
])("takes an upload whose length is %s, piece by piece", async (_, wants, last) => {
  const path = await create(wants);
  let at = 0;
  for (const end of [MIB + 5, MIB + 6, content.length]) {
    const answer = await patch(path, at, end, end === content.length ? last : {});
    expect([answer.status, answer.headers["upload-offset"]]).toEqual([204, String(end)]);
    at = end;
  }
  const { headers } = await send("HEAD", path);
  const file = await ask(server, { path: String(headers["content-location"]) });
  expect(file.bytes).toEqual(Buffer.from(content));
});

it("keeps nothing of a body with another checksum", async () => {
  const path = await create({ "upload-length": String(content.length) });
  const checksum = { "upload-checksum": "crc32c AAAAAA==" };
  expect((await patch(path, 0, MIB + 5, checksum)).status).toBe(460);
  expect((await send("HEAD", path)).headers["upload-offset"]).toBe("0");
});
