// Concatenation of tus 1.0.0 over HTTP: partials, finals, and what neither may do.
import { decodeUpload, KIB } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Answer,
  type Ask,
  ask,
  askJson,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const BODY = "application/offset+octet-stream";
const content = createRandom("partials").bytes(900 * KIB + 5);
/** None on the border of a part. */
const PIECES = [
  content.subarray(0, 300 * KIB + 1),
  content.subarray(300 * KIB + 1, 300 * KIB + 4),
  content.subarray(300 * KIB + 4),
] as const;

type Fields = Readonly<Record<string, string>>;

/** The second one reads nothing before it is assembled. */
const STORAGES = {
  "on a disk": () => ({}),
  "in a store of parts": () => ({ parts: { storage: createMemoryParts() } }),
} as const;

let server: TestServer;
afterEach(() => server.close());

function send(method: string, path: string, headers: Fields = {}, body?: Ask["body"]) {
  const all = { "tus-resumable": "1.0.0", ...headers };
  return ask(server, { method, path, headers: all, ...(body === undefined ? {} : { body }) });
}

function pathOf(answer: Answer): string {
  expect(answer.status).toBe(201);
  return new URL(String(answer.headers.location), "http://h/tus").pathname;
}

async function partial(bytes: Uint8Array, sent = bytes.length): Promise<string> {
  const length = { "upload-length": String(bytes.length) };
  const path = pathOf(await send("POST", "/tus", { ...length, "upload-concat": "partial" }));
  const headers = { "content-type": BODY, "upload-offset": "0" };
  const answer = await send("PATCH", path, headers, bytes.subarray(0, sent));
  expect([answer.status, answer.headers["content-location"]]).toEqual([204, undefined]);
  return path;
}

const final = (paths: readonly string[], more: Fields = {}): Promise<Answer> =>
  send("POST", "/tus", { "upload-concat": `final;${paths.join(" ")}`, ...more });

/** As soon as there is one. */
async function fileOf(path: string): Promise<Buffer> {
  for (;;) {
    const { headers } = await send("HEAD", path);
    const file = headers["content-location"];
    if (typeof file === "string") return (await ask(server, { path: file })).bytes;
  }
}

async function wholePartials(): Promise<readonly string[]> {
  return Promise.all(PIECES.map((piece) => partial(piece)));
}

describe.each(Object.entries(STORAGES))("%s", (_, storage) => {
  beforeEach(async () => {
    server = await startTestServer(storage());
  });

  describe("a partial", () => {
    it("says that it is one, and never becomes a file", async () => {
      const path = await partial(PIECES[0]);
      const { headers } = await send("HEAD", path);
      const size = String(PIECES[0].length);
      expect(headers).toMatchObject({ "upload-concat": "partial", "upload-offset": size });
      const id = path.slice(5);
      expect((await askJson(server, "POST", `/v1/uploads/${id}/complete`, {})).status).toBe(409);
      const fields = { "content-type": "application/partial-upload", "upload-offset": size };
      const end = { ...fields, "upload-complete": "?1" };
      const patched = await ask(server, {
        method: "PATCH",
        path: `/v1/uploads/${id}`,
        headers: end,
      });
      expect(patched.status).toBe(409);
      expect((await ask(server, { path: "/v1/files" })).json["files"]).toEqual([]);
    });

    it("may be empty", async () => {
      const empty = pathOf(
        await send("POST", "/tus", { "upload-length": "0", "upload-concat": "partial" }),
      );
      const path = pathOf(await final([empty, await partial(PIECES[1]), empty]));
      expect(await fileOf(path)).toEqual(Buffer.from(PIECES[1]));
      expect((await fileOf(pathOf(await final([empty])))).length).toBe(0);
    });
  });

  describe("a final", () => {
    it("has the bytes of its partials in their order, and is a file like any other", async () => {
      const paths = await wholePartials();
      const metadata = "filename d2hvbGU=";
      const answer = await final(paths, { "upload-metadata": metadata });
      const path = pathOf(answer);
      expect(await fileOf(path)).toEqual(Buffer.from(content));
      const { headers } = await send("HEAD", path);
      expect(headers).toMatchObject({
        ...{ "upload-concat": `final;${paths.join(" ")}`, "upload-metadata": metadata },
        ...{ "upload-offset": String(content.length), "upload-length": String(content.length) },
      });
      const { json } = await ask(server, { path: `/v1/uploads/${path.slice(5)}` });
      expect(decodeUpload(json)).toMatchObject({ state: "complete", name: "whole" });
      // Another may be made of the same ones, and of one of them twice.
      const [first = "", second = ""] = paths;
      const twice = await fileOf(pathOf(await final([second, first, second])));
      expect(twice).toEqual(Buffer.concat([PIECES[1], PIECES[0], PIECES[1]]));
    });

    it("takes absolute addresses of this server", async () => {
      const paths = await wholePartials();
      const urls = paths.map((path) => `http://127.0.0.1:${server.port}${path}`);
      expect(await fileOf(pathOf(await final(urls)))).toEqual(Buffer.from(content));
    });

    it("takes no bytes: 403, whatever they are", async () => {
      const path = pathOf(await final(await wholePartials()));
      await fileOf(path);
      for (const at of [0, 9, content.length]) {
        const headers = { "content-type": BODY, "upload-offset": String(at) };
        expect((await send("PATCH", path, headers, "more")).status).toBe(403);
        expect((await send("PATCH", path, headers)).status).toBe(403);
      }
    });

    it("is removed without its partials", async () => {
      const paths = await wholePartials();
      const path = pathOf(await final(paths));
      await fileOf(path);
      expect((await send("DELETE", path)).status).toBe(204);
      expect((await send("HEAD", path)).status).toBe(404);
      expect(await fileOf(pathOf(await final(paths)))).toEqual(Buffer.from(content));
    });

    it("stays without its partials", async () => {
      const paths = await wholePartials();
      const path = pathOf(await final(paths));
      await fileOf(path);
      for (const partial of paths) expect((await send("DELETE", partial)).status).toBe(204);
      expect(await fileOf(path)).toEqual(Buffer.from(content));
      expect((await final(paths)).status).toBe(410);
    });

    it.each([
      ["a length", { "upload-length": "5" }],
      ["a deferral", { "upload-defer-length": "1" }],
    ])("is refused with %s", async (_, more) => {
      expect((await final(await wholePartials(), more)).status).toBe(400);
    });

    it("is refused where one of them is none, not whole, of another server, or unknown", async () => {
      const whole = await partial(PIECES[0]);
      const unfinished = await partial(PIECES[0], 9);
      const plain = pathOf(await send("POST", "/tus", { "upload-length": "5" }));
      const made = pathOf(await final([whole]));
      await fileOf(made);
      const host = `http://127.0.0.1:${server.port}`;
      const rows: readonly (readonly [string, number])[] = [
        ...([unfinished, plain, made] as const).map((path) => [path, 400] as const),
        [`http://elsewhere.example${whole}`, 400],
        [`http://127.0.0.1:1${whole}`, 400],
        [`ftp://127.0.0.1:${server.port}${whole}`, 400],
        [`${host}/v1/uploads/${whole.slice(5)}`, 400],
        [`${host}/tus/../${whole.slice(5)}`, 400],
        [`${whole}?a=1`, 400],
        ["/tus/", 400],
        ["http://[", 400],
        ["/tus/none", 404],
        ["/tus/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404],
      ];
      for (const [url, status] of rows)
        expect([url, (await final([whole, url])).status]).toEqual([url, status]);
      expect((await send("POST", "/tus", { "upload-concat": "final;" })).status).toBe(400);
    });

    it("has as many partials as a header holds, and no more", async () => {
      const path = await partial(PIECES[1]);
      const size = 1900 * PIECES[1].length;
      const made = pathOf(await final(Array.from({ length: 1900 }, () => path)));
      // Its HEAD says all of them again, which is more than this client takes.
      const look = () => ask(server, { path: `/v1/uploads/${made.slice(5)}` });
      let view = (await look()).json;
      while (view["state"] === "completing") view = (await look()).json;
      expect(view).toMatchObject({ state: "complete", size });
      const short = path.slice(5);
      expect((await final(Array.from({ length: 2049 }, () => short))).status).toBe(400);
    });

    it("takes addresses under any name behind a proxy", async () => {
      await server.close();
      server = await startTestServer({ ...storage(), proxies: ["127.0.0.1"] });
      const paths = await wholePartials();
      const urls = paths.map((path) => path.replace("/tus/", "https://files.example/up/"));
      expect(await fileOf(pathOf(await final(urls)))).toEqual(Buffer.from(content));
    });
  });
});
