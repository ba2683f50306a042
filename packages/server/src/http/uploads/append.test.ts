// The sequential mode over HTTP, clause by clause: HEAD and PATCH of an upload, sizes that come later, parts beside appends.
import { decodeUpload, encodeDigest, KIB, type UploadView } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { sha256 } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
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
} from "../server.fixture.ts";

const PART = 256 * KIB;
const content = createRandom("append over HTTP").bytes(2 * PART + 777);

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

async function create(more: object): Promise<UploadView> {
  const body = { name: "a.bin", partSize: PART, ...more };
  const made = await askJson(server, "POST", "/v1/uploads", body);
  expect(made.status).toBe(201);
  return decodeUpload(made.json);
}

const sized = (): Promise<UploadView> => create({ size: content.length });
const unsized = (): Promise<UploadView> => create({ maxSize: 8 * PART });

type Fields = Readonly<Record<string, string>>;

function fields(at: number, isLast: boolean, more: Fields = {}): Fields {
  return {
    "content-type": "application/partial-upload",
    "upload-offset": String(at),
    "upload-complete": isLast ? "?1" : "?0",
    ...more,
  };
}

function patch(
  { id }: UploadView,
  at: number,
  end: number,
  more: { readonly isLast?: boolean; readonly headers?: Fields; readonly body?: Uint8Array } = {},
): Promise<Answer> {
  const { isLast = end === content.length, headers, body = content.subarray(at, end) } = more;
  const path = `/v1/uploads/${id}`;
  return ask(server, { method: "PATCH", path, headers: fields(at, isLast, headers), body });
}

const head = ({ id }: UploadView): Promise<Answer> =>
  ask(server, { method: "HEAD", path: `/v1/uploads/${id}` });

async function status({ id }: UploadView): Promise<UploadView> {
  return decodeUpload((await ask(server, { path: `/v1/uploads/${id}` })).json);
}

async function published(answer: Answer): Promise<Buffer> {
  return (await ask(server, { path: String(answer.headers["content-location"]) })).bytes;
}

describe("HEAD of an upload", () => {
  it("tells offset, size and limits, and may not be stored", async () => {
    const answer = await head(await sized());
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      "upload-offset": "0",
      "upload-complete": "?0",
      "upload-length": String(content.length),
      "upload-limit": expect.stringMatching(`^max-size=${content.length}, max-age=\\d+$`),
      "cache-control": "no-store",
    });
    expect(answer.headers["content-length"]).toBeUndefined();
  });

  it("has no length until the size is fixed", async () => {
    const answer = await head(await unsized());
    expect(answer.headers["upload-length"]).toBeUndefined();
    expect(answer.headers["upload-limit"]).toMatch(`max-size=${8 * PART}`);
  });

  it("ends an append in flight and counts what came of it", async () => {
    const view = await sized();
    const raw = await openRaw(server);
    const headers = fields(0, true, { "content-length": String(content.length) });
    const path = `/v1/uploads/${view.id}`;
    raw.socket.write(rawHead({ method: "PATCH", path, headers }));
    raw.socket.write(content.subarray(0, PART + 4321));
    // The first group is committed by itself; the rest came with it.
    while ((await status(view)).offset < PART)
      await new Promise((resolve) => setImmediate(resolve));
    const answer = await head(view);
    expect([answer.status, answer.headers["upload-offset"]]).toEqual([204, String(PART + 4321)]);
    expect(await raw.until("append_in_progress")).toMatch(/^HTTP\/1.1 409 /);
    const rest = await patch(view, PART + 4321, content.length);
    expect(await published(rest)).toEqual(Buffer.from(content));
    raw.socket.destroy();
  });

  it("answers 410 once the upload is aborted, 404 where there is none", async () => {
    const view = await sized();
    await ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}` });
    expect((await head(view)).status).toBe(410);
    expect((await ask(server, { method: "HEAD", path: "/v1/uploads/none" })).status).toBe(404);
  });
});

describe("PATCH of an upload", () => {
  it("appends, and completes with ?1", async () => {
    const view = await sized();
    const first = await patch(view, 0, PART + 1);
    expect(first.status).toBe(204);
    expect(first.headers).toMatchObject({
      "upload-offset": String(PART + 1),
      "upload-complete": "?0",
    });
    const last = await patch(view, PART + 1, content.length);
    expect(last.headers).toMatchObject({
      "upload-offset": String(content.length),
      "upload-complete": "?1",
    });
    expect(await published(last)).toEqual(Buffer.from(content));
    const { state, offset, file } = await status(view);
    expect([state, offset, file?.url]).toEqual([
      "complete",
      content.length,
      last.headers["content-location"],
    ]);
  });

  it("is the same again where only its answer was lost", async () => {
    const view = await sized();
    await patch(view, 0, content.length);
    const again = await patch(view, content.length, content.length);
    expect([again.status, again.headers["upload-complete"]]).toEqual([201, "?1"]);
    expect((await head(view)).headers["content-location"]).toBe(again.headers["content-location"]);
  });

  it("does not complete by its length alone", async () => {
    const view = await sized();
    const all = await patch(view, 0, content.length, { isLast: false });
    expect(all.headers["upload-complete"]).toBe("?0");
    expect((await status(view)).state).toBe("open");
    const last = await patch(view, content.length, content.length);
    expect(await published(last)).toEqual(Buffer.from(content));
  });

  it("takes a chunked body, and its end for the size", async () => {
    const view = await unsized();
    const raw = await openRaw(server);
    const headers = fields(0, true, { "transfer-encoding": "chunked" });
    raw.socket.write(rawHead({ method: "PATCH", path: `/v1/uploads/${view.id}`, headers }));
    for (let at = 0; at < content.length; at += 100_000) {
      const piece = content.subarray(at, at + 100_000);
      raw.socket.write(`${piece.length.toString(16)}\r\n`);
      raw.socket.write(piece);
      raw.socket.write("\r\n");
    }
    raw.socket.write("0\r\n\r\n");
    const text = await raw.until("\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1.1 201 /);
    expect(text.toLowerCase()).toContain(`upload-length: ${content.length}`);
    expect(await status(view)).toMatchObject({ state: "complete", size: content.length });
    raw.socket.destroy();
  });

  it("keeps what a cut connection brought, and the size that it announced", async () => {
    const view = await unsized();
    const raw = await openRaw(server);
    const headers = fields(0, true, { "content-length": String(content.length) });
    raw.socket.write(rawHead({ method: "PATCH", path: `/v1/uploads/${view.id}`, headers }));
    raw.socket.end(content.subarray(0, 100_001));
    const isHosts = declines("fetch", "the host answers a cut connection in its own words");
    expect((await raw.ended()).text).toContain(isHosts ? "400" : "body_size_mismatch");
    const answer = await head(view);
    expect(answer.headers).toMatchObject({ "upload-offset": "100001", "upload-complete": "?0" });
    expect(answer.headers["upload-length"]).toBe(String(content.length));
  });

  it("of unknown length fixes no size where it is cut", async () => {
    const view = await unsized();
    const raw = await openRaw(server);
    const headers = fields(0, true, { "transfer-encoding": "chunked" });
    raw.socket.write(rawHead({ method: "PATCH", path: `/v1/uploads/${view.id}`, headers }));
    raw.socket.end("5\r\nhello\r\n");
    await raw.ended();
    const answer = await head(view);
    expect(answer.headers).toMatchObject({ "upload-offset": "5", "upload-complete": "?0" });
    expect(answer.headers["upload-length"]).toBeUndefined();
  });

  it("with Content-Digest is kept whole or not at all", async () => {
    const view = await sized();
    const piece = content.subarray(0, PART + 9);
    const wrong = { "content-digest": encodeDigest("sha-256", sha256(content)) };
    const refused = await patch(view, 0, piece.length, { headers: wrong });
    expect([refused.status, refused.json["code"]]).toEqual([422, "digest_mismatch"]);
    expect((await head(view)).headers["upload-offset"]).toBe("0");
    const right = { "content-digest": encodeDigest("sha-256", sha256(piece)) };
    expect((await patch(view, 0, piece.length, { headers: right })).status).toBe(204);
  });

  it.each([
    ["no offset", { "upload-offset": "" }, "upload-offset"],
    ["an offset that is none", { "upload-offset": "five" }, "upload-offset"],
    ["no word about its end", { "upload-complete": "" }, "upload-complete"],
    ["a content-encoding", { "content-encoding": "gzip" }, "content-encoding"],
  ])("is refused with %s", async (_, headers, field) => {
    const view = await sized();
    const answer = await patch(view, 0, 9, { headers });
    expect([answer.status, answer.json["code"], answer.json["field"]]).toEqual([
      400,
      "invalid_request",
      field,
    ]);
    expect((await head(view)).headers["upload-offset"]).toBe("0");
  });

  it.each(["", "application/octet-stream"])("is refused with the media type %j", async (type) => {
    const view = await sized();
    const answer = await patch(view, 0, 9, { headers: { "content-type": type } });
    expect([answer.status, answer.json["code"]]).toEqual([415, "media_type_unsupported"]);
    expect(answer.headers["accept-patch"]).toBe("application/partial-upload");
    expect((await head(view)).headers["upload-offset"]).toBe("0");
  });

  it.each([
    ["behind the end", 5, 9, {}, 409, "offset_mismatch"],
    ["with a size that is not the upload's", 0, 9, { "upload-length": "9" }, 400, "size_mismatch"],
    ["with a malformed digest", 0, 9, { "content-digest": "sha-256=x" }, 400, "invalid_digest"],
  ])("is refused %s", async (_, at, end, headers, expected, code) => {
    const view = await sized();
    const answer = await patch(view, at, end, { headers });
    expect([answer.status, answer.json["code"]]).toEqual([expected, code]);
    expect((await head(view)).headers["upload-offset"]).toBe("0");
  });

  it("is refused before its body where it says that it is too long", async () => {
    const view = await sized();
    const body = Buffer.alloc(content.length + 1);
    const answer = await patch(view, 0, 0, { body });
    expect([answer.status, answer.json["code"]]).toEqual([400, "size_mismatch"]);
    const other = await patch(await unsized(), 0, 0, { body: Buffer.alloc(8 * PART + 1) });
    expect([other.status, other.json["code"]]).toEqual([413, "size_too_large"]);
  });

  it("is refused where the last body ends before the size", async () => {
    const view = await sized();
    const answer = await patch(view, 0, 9, { isLast: true });
    expect([answer.status, answer.json["code"]]).toEqual([400, "size_mismatch"]);
  });

  it("is refused on a complete and on an aborted upload", async () => {
    const view = await sized();
    await patch(view, 0, content.length);
    const late = await patch(view, 0, 9);
    expect([late.status, late.json["code"]]).toEqual([409, "upload_not_open"]);
    const other = await sized();
    await ask(server, { method: "DELETE", path: `/v1/uploads/${other.id}` });
    const gone = await patch(other, 0, 9);
    expect([gone.status, gone.json["code"]]).toEqual([410, "upload_ended"]);
  });
});

describe("Upload-Length", () => {
  it("fixes the size once, on an append", async () => {
    const view = await unsized();
    const length = { "upload-length": String(content.length) };
    await patch(view, 0, 9, { headers: length });
    expect(await status(view)).toMatchObject({ hasSize: true, size: content.length });
    const other = await patch(view, 9, 20, { headers: { "upload-length": "4" } });
    expect(other.json["code"]).toBe("size_mismatch");
    expect((await patch(view, 9, content.length, { headers: length })).status).toBe(201);
  });

  it("fixes the size on a part, and only then one is short", async () => {
    const view = await unsized();
    const request = putRequest({ ...view, size: content.length }, content, [2, 3]);
    const early = await ask(server, request);
    expect([early.status, early.json["code"]]).toEqual([400, "body_size_mismatch"]);
    const headers = { ...request.headers, "upload-length": String(content.length) };
    expect((await ask(server, { ...request, headers })).status).toBe(200);
    expect((await ask(server, putRequest(await status(view), content, [0, 2]))).status).toBe(200);
    const last = await patch(view, content.length, content.length);
    expect(await published(last)).toEqual(Buffer.from(content));
  });

  it("is not needed where complete says the size", async () => {
    const view = await unsized();
    await patch(view, 0, 5001);
    const path = `/v1/uploads/${view.id}/complete`;
    expect((await askJson(server, "POST", path, {})).json["code"]).toBe("size_mismatch");
    const done = decodeUpload((await askJson(server, "POST", path, { size: 5001 })).json);
    const file = await ask(server, { path: done.file?.url ?? "" });
    expect(file.bytes).toEqual(Buffer.from(content.subarray(0, 5001)));
  });
});

describe("parts and appends together", () => {
  it("make one file, whoever began it", async () => {
    const view = await sized();
    await patch(view, 0, 5001);
    expect((await ask(server, putRequest(view, content, [0, 1]))).status).toBe(200);
    const last = await patch(view, PART, content.length);
    expect(await published(last)).toEqual(Buffer.from(content));
  });

  it("refuse what differs: a part over a tail, an append over a part", async () => {
    const view = await sized();
    await patch(view, 0, 5001);
    const other = content.slice();
    other[5000] = (other[5000] ?? 0) ^ 1;
    const put = await ask(server, putRequest(view, other, [0, 1]));
    expect([put.status, put.json["code"], put.json["index"]]).toEqual([409, "part_conflict", 0]);
    await ask(server, putRequest(view, other, [1, 2]));
    const append = await patch(view, 5001, content.length);
    expect(append.status).toBe(201);
    const third = await sized();
    await ask(server, putRequest(third, content.slice().fill(1, PART), [1, 2]));
    const over = await patch(third, 0, content.length);
    expect([over.json["code"], over.json["index"], over.json["at"]]).toEqual([
      "part_conflict",
      1,
      PART,
    ]);
  });
});
