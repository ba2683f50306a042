// tus-js-client as it is, in both of its versions, against the server as it is started by users.
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { KIB, MIB } from "@holdfast/protocol";
import { beforeAll, describe, expect, it } from "vitest";
import { serveForTests } from "./kit/served.ts";
import { bytesOf, type Content, writeContent } from "./kit/source.ts";
import { CLIENTS, startUpload, type TusOptions } from "./kit/tus-client.ts";
import { ask, servedDifference } from "./kit/wire.ts";

const served = serveForTests();
const content: Content = { seed: 11, size: 3 * MIB + 4321 };
const path = () => join(served.directory(), "source.bin");
const VERSION = { "tus-resumable": "1.0.0" };

beforeAll(() => writeContent(path(), content));

function endpoint(): string {
  return `${served.url()}/tus`;
}

function headOf(url: string) {
  return ask(served.url(), { method: "HEAD", path: new URL(url).pathname, headers: VERSION });
}

/** Where the file is; a final is put together beside its answer. */
async function fileOf(url: string): Promise<string> {
  for (;;) {
    const { status, headers } = await headOf(url);
    expect(status).toBe(200);
    const file = headers["content-location"];
    if (typeof file === "string") return file;
  }
}

async function expectWhole(url: string): Promise<void> {
  expect(await servedDifference(served.url(), await fileOf(url), content)).toBeUndefined();
}

describe.each(CLIENTS)("%s", (name) => {
  const send = (options: TusOptions = {}) =>
    startUpload(name, createReadStream(path()), { endpoint: endpoint(), ...options });

  it("uploads a file in one go, with its name and type", async () => {
    const metadata = { filename: "Übung.bin", filetype: "video/mp4" };
    const url = await send({ metadata }).done;
    await expectWhole(url);
    const file = await ask(served.url(), { method: "GET", path: await fileOf(url) });
    expect(file.headers["content-disposition"]).toContain("%C3%9Cbung.bin");
    expect(file.headers["content-type"]).toBe("video/mp4");
  });

  it.each<readonly [string, TusOptions]>([
    ["piece by piece", { chunkSize: 700 * KIB }],
    ["with the first bytes in the creation", { chunkSize: MIB, uploadDataDuringCreation: true }],
    ["with POST for PATCH", { chunkSize: MIB, overridePatchMethod: true }],
    ["by parallel requests", { parallelUploads: 3, metadata: { filename: "parallel.bin" } }],
    ["by parallel requests, piece by piece", { parallelUploads: 4, chunkSize: 300 * KIB }],
  ])("uploads a file %s", async (_, options) => {
    await expectWhole(await send(options).done);
  });

  it.each([
    ["in the middle of a piece", 400 * KIB],
    ["where a piece ends", content.size / 3],
  ])("sends a stream whose length it learns at its end, %s", async (_, chunkSize) => {
    const pieces = Readable.from(piecesOf(content));
    const options = { endpoint: endpoint(), uploadLengthDeferred: true, chunkSize };
    const url = await startUpload(name, pieces, options).done;
    await expectWhole(url);
  });

  it("uploads an empty file", async () => {
    const url = await startUpload(name, Buffer.alloc(0), { endpoint: endpoint() }).done;
    expect(await servedDifference(served.url(), await fileOf(url), { seed: 0, size: 0 })).toBe(
      undefined,
    );
  });

  it("goes on where it was aborted, and sends nothing again", async () => {
    const { promise: some, resolve } = Promise.withResolvers<number>();
    const chunkSize = 600 * KIB;
    const first = send({ chunkSize, onChunkComplete: (_, accepted) => resolve(accepted) });
    const accepted = await some;
    await first.abort();
    const url = first.url() ?? "";
    const before = Number((await headOf(url)).headers["upload-offset"]);
    expect(before).toBeGreaterThanOrEqual(accepted);
    let sent = 0;
    const onChunkComplete = (size: number) => {
      sent += size;
    };
    const second = send({ uploadUrl: url, chunkSize, onChunkComplete });
    expect(await second.done).toBe(url);
    // Of what was on its way when it was aborted more may have come.
    expect(sent).toBeLessThanOrEqual(content.size - before);
    expect(sent).toBeGreaterThan(0);
    await expectWhole(url);
  });

  it("has an upload ended that it gives up", async () => {
    const { promise: some, resolve } = Promise.withResolvers<number>();
    const upload = send({ chunkSize: 600 * KIB, onChunkComplete: resolve });
    await some;
    const url = upload.url() ?? "";
    await upload.abort(true);
    expect((await headOf(url)).status).toBe(410);
  });

  it("finds what it had begun in another run", async () => {
    const { promise: some, resolve } = Promise.withResolvers<number>();
    const first = send({ chunkSize: 600 * KIB, onChunkComplete: resolve });
    await some;
    // As a page that is closed: nothing is said to the server any more.
    await first.abort();
    const url = first.url() ?? "";
    const again = startUpload(name, createReadStream(path()), { uploadUrl: url });
    expect(await again.done).toBe(url);
    await expectWhole(url);
  });
});

function* piecesOf({ size }: Content): Generator<Buffer> {
  for (let at = 0; at < size; at += 64 * KIB) yield bytesOf(content, at, at + 64 * KIB);
}
