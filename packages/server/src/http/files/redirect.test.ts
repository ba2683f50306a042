// Which downloads are led to the store, for how long, and which never.
import { KIB } from "@holdfast/protocol";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { afterEach, expect, it } from "vitest";
import {
  ask,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../server.fixture.ts";

const CONTENT = Buffer.alloc(300 * KIB, "in a store ");

let server: TestServer;
afterEach(() => server.close());

async function bring(options: TestServerOptions = { redirectsReads: true }, type = "text/plain") {
  const { parts, ...more } = options;
  server = await startTestServer({ ...more, parts: { storage: createMemoryParts(), ...parts } });
  const made = await ask(server, {
    ...{ method: "POST", path: "/v1/files", body: CONTENT },
    headers: { "content-disposition": 'attachment; filename="a b.txt"', "content-type": type },
  });
  expect(made.status).toBe(201);
  return String(made.json["url"]);
}

const get = (path: string, headers = {}, method = "GET") => ask(server, { method, path, headers });
const location = async (path: string, headers = {}) =>
  new URL((await get(path, headers)).headers.location ?? "none:").searchParams;

it.each<readonly [string, Record<string, string>]>([
  ["all of it", {}],
  ["one range", { range: "bytes=5-9" }],
])("%s is at the store, for a quarter of an hour", async (_, headers) => {
  const path = await bring();
  const answer = await get(path, headers);
  expect([answer.status, answer.bytes.length, answer.headers["cache-control"]]).toEqual([
    ...[307, 0, "no-store"],
  ]);
  // No page of another site may show it, by a redirect neither.
  expect(answer.headers["cross-origin-resource-policy"]).toBe("same-origin");
  const said = await location(path, headers);
  expect(said.get("life")).toBe("900000");
  expect(said.get("type")).toBe("text/plain");
  expect(said.get("disposition")).toMatch(/^attachment; filename="a b.txt"/);
});

it.each<readonly [string, Record<string, string>, number]>([
  ["several ranges", { range: "bytes=0-0,9-9" }, 206],
  ["a range that is none", { range: "bytes=x" }, 200],
  ["a range behind the end", { range: "bytes=900000-" }, 416],
  ["a range of the version that there is", { range: "bytes=0-9", "if-match": "*" }, 206],
  ["a range of another version", { range: "bytes=0-9", "if-range": '"x"' }, 200],
  ["another version", { "if-match": '"x"' }, 412],
  ["what it has", { "if-none-match": "*" }, 304],
  ["a digest", { "want-content-digest": "sha-256=10" }, 200],
  ["what is to be checked", { "holdfast-verify": "?1" }, 200],
  ["a page of another site", { origin: "https://page.example" }, 200],
])("%s is answered here", async (_, headers, status) => {
  const answer = await get(await bring(), headers);
  expect([answer.status, answer.headers.location]).toEqual([status, undefined]);
});

it("HEAD is answered here, and so is everything where nobody wants that, or reads are verified", async () => {
  expect((await get(await bring(), {}, "HEAD")).status).toBe(200);
  await server.close();
  expect((await get(await bring({}))).status).toBe(200);
  await server.close();
  const verified = { redirectsReads: true, parts: { reads: "verified" } } as const;
  expect((await get(await bring(verified))).status).toBe(200);
});

it("says of what a browser would run only that it is bytes", async () => {
  const said = await location(await bring({ redirectsReads: true }, "text/html"));
  expect(said.get("type")).toBe("application/octet-stream");
});

it("outlives no link that it was asked for by, and no public file is there", async () => {
  const path = await bring();
  const made = await ask(server, {
    ...{ method: "POST", path: `${path}/links`, body: JSON.stringify({ expiresIn: 60 }) },
    headers: { "content-type": "application/json" },
  });
  expect(Number((await location(String(made.json["url"]))).get("life"))).toBeLessThanOrEqual(
    60_000,
  );
  const open = await ask(server, { method: "PUT", path: `${path}/public` });
  expect((await get(String(open.json["url"]))).status).toBe(200);
});
