// Clients of Resumable Uploads for HTTP: tus-js-client in its IETF modes as it is, and what others send, replayed. URLSession does not run here: its requests are
// those of tus/rufh-implementations (7918161) and apple/swift-nio-extras (3078359), by hand.
import { once } from "node:events";
import { connect } from "node:net";
import { decodeUpload } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { Upload } from "tus-js-client";
import { describe, expect, it } from "vitest";
import { serveForTests } from "./kit/served.ts";
import { ask, type Reply } from "./kit/wire.ts";

const content = Buffer.from(createRandom("clients of rufh").bytes(3_000_017));
const served = serveForTests();

async function fileOf(upload: string): Promise<Buffer> {
  const { file } = decodeUpload(JSON.parse((await send("GET", upload)).text));
  const response = await fetch(new URL(file?.url ?? "none", served.url()));
  return Buffer.from(await response.arrayBuffer());
}

type Fields = Readonly<Record<string, string>>;

function send(method: string, path: string, headers: Fields = {}, body?: Buffer): Promise<Reply> {
  return ask(served.url(), { method, path, headers, ...(body ? { body } : {}) });
}

describe.each(["ietf-draft-03", "ietf-draft-05"])("tus-js-client as %s", (protocol) => {
  interface Run {
    readonly upload: Upload;
    /** Resolves with the path of the upload once it is complete. */
    readonly done: Promise<string>;
  }

  function start(more: object, from?: string): Run {
    const { promise: done, resolve, reject } = Promise.withResolvers<string>();
    const options = {
      ...(from === undefined ? {} : { uploadUrl: from }),
      endpoint: `${served.url()}/v1/files`,
      retryDelays: [0, 100],
      onSuccess: () => resolve(new URL(upload.url ?? "").pathname),
      onError: reject,
      ...{ protocol, ...more },
    };
    const upload = new Upload(content, options);
    upload.start();
    return { upload, done };
  }

  it.each([
    ["a whole file", {}],
    ["requests of a part of it", { chunkSize: 700_001 }],
    ["bytes with the creation", { uploadDataDuringCreation: true, chunkSize: 700_001 }],
    ["all bytes with the creation", { uploadDataDuringCreation: true }],
  ])("uploads %s", async (_, more) => {
    const path = await start(more).done;
    expect(await fileOf(path)).toEqual(content);
  });

  it("goes on after an abort in the middle, in another run", async () => {
    const { promise: isFar, resolve } = Promise.withResolvers<void>();
    const first = start({
      chunkSize: 500_000,
      onChunkComplete: (_: number, accepted: number) => accepted >= 1_000_000 && resolve(),
    });
    await isFar;
    await first.upload.abort();
    const url = first.upload.url ?? "";
    const told = await send("HEAD", new URL(url).pathname);
    expect(Number(told.headers["upload-offset"])).toBeGreaterThanOrEqual(1_000_000);
    const sent: number[] = [];
    const second = start({ onProgress: (bytes: number) => sent.push(bytes) }, url);
    expect(await fileOf(await second.done)).toEqual(content);
    expect(sent[0]).toBeGreaterThanOrEqual(1_000_000);
  });

  it("ends an upload whose last bytes came and whose end did not", async () => {
    const interop = protocol === "ietf-draft-03" ? "5" : "6";
    const begun = await send(
      "POST",
      "/v1/files",
      {
        "upload-draft-interop-version": interop,
        "upload-complete": "?0",
        "upload-length": String(content.length),
      },
      content,
    );
    const path = String(begun.headers.location);
    await start({}, `${served.url()}${path}`).done;
    expect(await fileOf(path)).toEqual(content);
  });
});

/** Sends the head of a request and some of its body, waits for an interim response, then breaks the connection. Gives where to go on. */
async function cutCreation(fields: Fields, size: number): Promise<string> {
  const { port, hostname } = new URL(served.url());
  const socket = connect({ port: Number(port), host: hostname });
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /v1/files HTTP/1.1\r\nHost: localhost\r\n${lines.join("")}\r\n`);
  socket.write(content.subarray(0, size));
  const [head] = await once(socket, "data");
  const location = /location: (\S+)/i.exec(String(head))?.[1] ?? "";
  expect(String(head)).toMatch(/^HTTP\/1\.1 104 /);
  await expect
    .poll(async () => decodeUpload(JSON.parse((await send("GET", location)).text)).offset)
    .toBeGreaterThan(0);
  socket.resetAndDestroy();
  return location;
}

const DESCRIBED = {
  "Content-Type": "application/octet-stream",
  "Content-Length": String(content.length),
};

describe("URLSession, replayed", () => {
  it.each([
    ["iOS 17 and macOS 14", "3", "Upload-Incomplete", "?0", "?1"],
    ["iOS 18.0 and macOS 15.0", "5", "Upload-Complete", "?1", "?0"],
    ["iOS 18.1 and macOS 15.1", "6", "Upload-Complete", "?1", "?0"],
  ])("of %s goes on after a cut", async (_, interop, field, last, more) => {
    const version = { "Upload-Draft-Interop-Version": interop };
    const creation = { ...version, [field]: last, ...DESCRIBED };
    const path = await cutCreation(creation, 900_000);
    const told = await send("HEAD", path, version);
    expect([told.status, told.headers[field.toLowerCase()]]).toEqual([204, more]);
    expect(told.headers["upload-draft-interop-version"]).toBe(interop);
    const offset = Number(told.headers["upload-offset"]);
    expect(offset).toBeGreaterThan(0);
    const append = {
      ...version,
      "Upload-Offset": String(offset),
      [field]: last,
      "Content-Type": interop === "6" ? "application/partial-upload" : "application/octet-stream",
    };
    const done = await send("PATCH", path, append, content.subarray(offset));
    expect([done.status, done.headers[field.toLowerCase()]]).toEqual([201, last]);
    expect(done.headers["upload-offset"]).toBe(String(content.length));
    expect(await fileOf(path)).toEqual(content);
    expect((await send("DELETE", "/v1/uploads/none", version)).status).toBe(404);
  });
});

describe("the Go example, replayed", () => {
  it("sends all of it with the creation and looks at the answer", async () => {
    const fields = { "upload-draft-interop-version": "6", "upload-complete": "?1" };
    const done = await send("POST", "/v1/files", fields, content);
    expect([done.status, done.headers["upload-offset"]]).toEqual([201, String(content.length)]);
    expect(await fileOf(String(done.headers.location))).toEqual(content);
  });
});

describe("one upload by both modes", () => {
  const PARTIAL = { "content-type": "application/partial-upload" };

  it("has one root, whoever began it and whoever ended it", async () => {
    const creation = {
      "Upload-Draft-Interop-Version": "8",
      "Upload-Complete": "?1",
      ...DESCRIBED,
    };
    const path = await cutCreation(creation, 1_500_000);
    const cut = decodeUpload(JSON.parse((await send("GET", path)).text));
    // The server may not have noticed yet that the connection is broken: asked for the offset it ends what came by it.
    expect((await send("HEAD", path)).status).toBe(204);
    expect(cut.committed.partCount).toBe(3);
    for (const index of [2, 1, 0]) {
      const digest = await crypto.subtle.digest("SHA-256", partOf(cut.partSize, index));
      const encoded = Buffer.from(digest).toString("base64");
      const put = await send(
        "PUT",
        `${path}/parts/${index}`,
        { "content-digest": `sha-256=:${encoded}:` },
        partOf(cut.partSize, index),
      );
      expect(put.status).toBe(200);
    }
    const ended = await send("PATCH", path, {
      ...PARTIAL,
      "upload-offset": String(content.length),
      "upload-complete": "?1",
    });
    const byParts = JSON.parse(
      (
        await ask(served.url(), {
          method: "POST",
          path: "/v1/uploads",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ name: "other", size: content.length }),
        })
      ).text,
    );
    const other = `/v1/uploads/${byParts.id}`;
    const last = partOf(byParts.partSize, 2);
    const digest = await crypto.subtle.digest("SHA-256", last);
    const encoded = Buffer.from(digest).toString("base64");
    await send("PUT", `${other}/parts/2`, { "content-digest": `sha-256=:${encoded}:` }, last);
    const appended = await send(
      "PATCH",
      other,
      { ...PARTIAL, "upload-offset": "0", "upload-complete": "?1" },
      content,
    );
    expect([ended.status, appended.status]).toEqual([201, 201]);
    expect(JSON.parse(ended.text).root).toBe(JSON.parse(appended.text).root);
    expect(await fileOf(path)).toEqual(content);
    expect(await fileOf(other)).toEqual(content);
  });

  function partOf(partSize: number, index: number): Buffer<ArrayBuffer> {
    return content.subarray(index * partSize, (index + 1) * partSize);
  }
});
