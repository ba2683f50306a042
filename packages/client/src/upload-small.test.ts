// Small files in one request: one file whatever is lost or killed, and parts where one request does not go through.
import { rmSync, writeFileSync } from "node:fs";
import { KIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import {
  answer,
  first,
  type Interposer,
  interpose,
  type Meddle,
} from "@holdfast/testkit/interposer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient, download, type NodeOptions, upload } from "./node/index.ts";
import { makePlace, next, type Place, record, type Server } from "./node/testing/place.ts";
import type { UploadOptions } from "./upload.ts";

const SIZE = 4 * KIB;

let place: Place;
let server: Server;
beforeEach(async () => {
  place = makePlace(serve);
  server = await place.serve();
});
afterEach(() => place.clear());

function send(path: string, to: string, options: Partial<UploadOptions> & NodeOptions = {}) {
  return upload(path, { to, stateDir: place.stateDir, ...options });
}

async function through(meddle?: Meddle): Promise<Interposer> {
  return place.keep(await interpose(server.url, meddle));
}

const requestsOf = ({ seen }: Interposer) =>
  seen.map(({ method, path }) => `${method} ${path.replace(/[a-z2-7]{26}/g, "ID")}`);

async function idsThere(): Promise<readonly string[]> {
  const client = createClient({ stateDir: place.stateDir });
  const { files } = await client.list({ to: server.url });
  client.close();
  return files.map(({ id }) => id);
}

/** Passes a request on and throws its answer away, as a line does that is cut at the wrong moment. */
const loseAnswer: ReturnType<Meddle> = (request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", async () => {
    const headers = Object.entries(request.headers).filter(
      (pair): pair is [string, string] =>
        typeof pair[1] === "string" && !/^(connection|host|content-length)$/.test(pair[0]),
    );
    const body = Buffer.concat(pieces);
    const url = new URL(request.url ?? "", server.url);
    await fetch(url, { method: "POST", headers: Object.fromEntries(headers), body });
    response.destroy();
  });
};

describe("a small file", () => {
  it.each([0, 1, SIZE, 256 * KIB])("of %i bytes costs one request", async (size) => {
    const proxy = await through();
    const { path, bytes } = place.file("Übung ☂.txt", size);
    const metadata = new Map([["path", "a dir/Übung ☂.txt"]]);
    const transfer = send(path, proxy.url, { type: "text/plain", metadata });
    const told = {
      created: record(transfer, "created"),
      parts: record(transfer, "part"),
      progress: record(transfer, "progress"),
      states: record(transfer, "state"),
    };
    const result = await transfer.done;
    expect(requestsOf(proxy)).toEqual(["POST /v1/files"]);
    expect(result).toMatchObject({ size, bytesSent: size, bytesCommitted: size, resumedBytes: 0 });
    expect(told.created).toMatchObject([{ size, isResumed: false }]);
    expect(told.parts).toEqual(size === 0 ? [] : [{ index: 0 }]);
    expect(told.progress.map(({ committed }) => committed)).toEqual([0, size]);
    expect(told.states).toEqual(["opening", "creating", "complete"]);
    const client = createClient({ stateDir: place.stateDir });
    expect(await client.describe({ url: result.url })).toMatchObject({
      ...{ name: "Übung ☂.txt", type: "text/plain", metadata },
    });
    const id = told.created[0]?.id;
    expect(await client.uploadsOf(path)).toEqual([{ server: proxy.url, id }]);
    client.close();
    await download(result.url, place.path("back"), { stateDir: place.stateDir }).done;
    expect(place.read("back").equals(bytes)).toBe(true);
  });

  it("is skipped the second time", async () => {
    const { path } = place.file("f", SIZE);
    const { id } = await send(path, server.url).done;
    const again = await send(path, server.url).done;
    expect(again).toMatchObject({ id, bytesSent: 0, resumedBytes: SIZE });
  });

  it("is sent anew where the file was removed, or where that is asked for", async () => {
    const { path } = place.file("f", SIZE);
    const one = await send(path, server.url).done;
    const two = await send(path, server.url, { resume: false }).done;
    expect(two.id).not.toBe(one.id);
    const client = createClient({ stateDir: place.stateDir });
    for (const { url } of [one, two]) await client.remove({ url });
    client.close();
    const three = await send(path, server.url).done;
    expect(three).toMatchObject({ bytesSent: SIZE });
    expect(await idsThere()).toEqual([three.id]);
  });

  it("is one file where the answer is lost", async () => {
    const proxy = await through(first(3, "POST", "/v1/files", loseAnswer));
    const { path } = place.file("f", SIZE);
    const transfer = send(path, proxy.url);
    const retries = record(transfer, "retry");
    const { id } = await transfer.done;
    expect(retries.map(({ code }) => code)).toEqual(Array(3).fill("connection_failed"));
    expect(await idsThere()).toEqual([id]);
  });

  it("is one file where the client is killed before it hears the answer", async () => {
    const { path } = place.file("f", SIZE);
    // What a kill leaves: no checkpoint, and a request that the server has answered to nobody.
    const { id } = await send(path, server.url, { stateDir: place.path("gone") }).done;
    rmSync(place.path("gone"), { recursive: true });
    expect((await send(path, server.url).done).id).toBe(id);
    expect(await idsThere()).toEqual([id]);
  });

  it("is another file with other bytes, another name or other metadata", async () => {
    const { path } = place.file("f", SIZE);
    const anew = (options: Partial<UploadOptions>) => {
      const stateDir = place.path(`state-${Math.random()}`);
      return send(path, server.url, { stateDir, ...options }).done;
    };
    const ids = [
      await anew({}),
      await anew({ name: "g" }),
      await anew({ metadata: new Map([["a", "b"]]) }),
    ].map(({ id }) => id);
    writeFileSync(path, place.file("g", SIZE).bytes);
    ids.push((await anew({})).id);
    expect(new Set(ids).size).toBe(4);
    expect(await idsThere()).toHaveLength(4);
  });

  it.each([
    ["no such route", answer(404, { "holdfast-version": "1" })],
    ["no such method", answer(405, { "holdfast-version": "1" })],
    ["a proxy's limit", answer(413, { "content-type": "text/html" })],
    ["a proxy's limit of headers", answer(431, { "content-type": "text/html" })],
    ["an upload under the key that has ended", answer(410, { "holdfast-version": "1" })],
  ])("goes in parts where the answer is %s", async (_, refusal) => {
    const proxy = await through(first(1, "POST", "/v1/files", refusal));
    const { path } = place.file("f", SIZE);
    const transfer = send(path, proxy.url);
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries).toEqual([]);
    expect(requestsOf(proxy)).toEqual([
      ...["POST /v1/files", "POST /v1/uploads"],
      ...["PUT /v1/uploads/ID/parts/0", "POST /v1/uploads/ID/complete"],
    ]);
  });

  it.each([
    ["parts of a size", { partSize: 512 * KIB }],
    ["other digests", { digest: "blake3" }],
    ["a proof", { verify: "readback" }],
    ["readers meanwhile", { live: true }],
    ["much metadata", { metadata: new Map([["a", "x".repeat(4 * KIB)]]) }],
  ] as const)("goes in parts where it is to have %s", async (_, options) => {
    const proxy = await through();
    await send(place.file("f", SIZE).path, proxy.url, options).done;
    expect(proxy.count("POST", "/v1/files")).toBe(0);
  });

  it("is not taken for sent where the answer is about other bytes", async () => {
    const tell = (change: object) =>
      through((_, response) => {
        const write = response.write.bind(response);
        response.write = (piece: Buffer) =>
          write(JSON.stringify({ ...JSON.parse(piece.toString()), ...change }));
        const { writeHead } = response;
        response.writeHead = ((status: number, headers: Record<string, string>) => {
          const { "content-length": _length, ...rest } = headers;
          return writeHead.call(response, status, rest);
        }) as typeof response.writeHead;
        return undefined;
      });
    const { path } = place.file("f", SIZE);
    const wrong = send(path, (await tell({ root: "ab".repeat(32) })).url);
    await expect(wrong.done).rejects.toMatchObject({ code: "root_mismatch" });
    const shorter = send(path, (await tell({ size: SIZE - 1 })).url);
    expect(await next(shorter, "retry")).toMatchObject({ code: "not_holdfast" });
    shorter.abort();
    await expect(shorter.done).rejects.toMatchObject({ code: "aborted" });
  });

  it("says that it may be there where it is aborted without an answer", async () => {
    const reached = Promise.withResolvers<void>();
    const proxy = await through(() => (request) => {
      request.resume();
      request.on("end", reached.resolve);
    });
    const transfer = send(place.file("f", SIZE).path, proxy.url);
    const notices = record(transfer, "notice");
    await reached.promise;
    transfer.abort();
    await expect(transfer.done).rejects.toMatchObject({ code: "aborted" });
    expect(notices).toMatchObject([{ code: "upload_not_open" }]);
  });

  it("that two send at once is one file, and disturbs neither", async () => {
    const { path } = place.file("f", SIZE);
    const own = () => createClient({ stateDir: place.stateDir });
    const clients = [own(), own()];
    const sent = clients.map((client) => client.upload(path, { to: server.url }).done);
    const [one, other] = await Promise.all(sent);
    expect(other?.id).toBe(one?.id);
    for (const client of clients) client.close();
  });
});
