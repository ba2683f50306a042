// Pages of other origins: none may do anything unless its very origin is allowed.
import { decodeUpload } from "@holdfast/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { parseOrigin } from "./cors.ts";
import {
  type Answer,
  ask,
  putRequest,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "./server.fixture.ts";

const APP = "https://app.example";
const STRANGERS = [
  ["null", "null"],
  ["a suffix", "https://app.example.evil.example"],
  ["a prefix", "https://evil-app.example"],
  ["a subdomain", "https://x.app.example"],
  ["another scheme", "http://app.example"],
  ["another port", "https://app.example:8443"],
  ["another case", "https://APP.example"],
  ["a path", "https://app.example/"],
  ["a list", "https://app.example https://evil.example"],
  ["a star", "*"],
] as const;

let server: TestServer;
afterEach(() => server.close());

async function start(more: TestServerOptions = {}): Promise<void> {
  server = await startTestServer({ origins: [APP, "http://localhost:5173"], ...more });
}

function corsOf({ headers }: Answer): Record<string, unknown> {
  const names = Object.keys(headers).filter((name) => name.startsWith("access-control-"));
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}

const create = {
  method: "POST",
  path: "/v1/uploads",
  body: JSON.stringify({ name: "a", size: 5 }),
} as const;

describe("a page of an allowed origin", () => {
  it("is told beforehand what it may send, without a token", async () => {
    await start({ token: "secret" });
    const answer = await ask(server, {
      method: "OPTIONS",
      path: "/v1/uploads/x/parts/0",
      headers: {
        origin: APP,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,part-digest",
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers["access-control-allow-origin"]).toBe(APP);
    expect(answer.headers["access-control-allow-methods"]).toBe("PUT");
    expect(answer.headers["access-control-allow-headers"]).toMatch(/Authorization.*Part-Digest/);
    expect(answer.headers["access-control-max-age"]).toBe("86400");
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
    expect(answer.headers.vary).toMatch(/^Origin\b/);
  });

  it("may write, and sees the headers that it needs", async () => {
    await start();
    const headers = { origin: APP, "sec-fetch-site": "cross-site" };
    const json = { ...headers, "content-type": "application/json" };
    const made = await ask(server, { ...create, headers: json });
    expect(made.status).toBe(201);
    expect(made.headers["access-control-allow-origin"]).toBe(APP);
    expect(made.headers.vary).toBe("Origin");
    for (const name of [
      "Date",
      "Location",
      "ETag",
      "Upload-Offset",
      "Holdfast-Version",
      "Retry-After",
    ]) {
      expect(made.headers["access-control-expose-headers"]).toContain(name);
    }
    const put = putRequest(decodeUpload(made.json), Buffer.from("hello"), [0, 1]);
    const sent = await ask(server, { ...put, headers: { ...put.headers, ...headers } });
    expect(sent.status).toBe(200);
  });

  it("sees errors too", async () => {
    await start({ token: "secret" });
    const answer = await ask(server, { path: "/v1/uploads/x", headers: { origin: APP } });
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([401, APP]);
  });
});

describe("a page of another origin", () => {
  it.each(STRANGERS)("(%s) is told nothing and may not write", async (_name, origin) => {
    await start();
    const asked = { origin, "access-control-request-method": "POST" };
    const preflight = await ask(server, { method: "OPTIONS", path: "/v1/uploads", headers: asked });
    expect([preflight.status, corsOf(preflight)]).toEqual([405, {}]);
    const headers = { origin, "content-type": "application/json" };
    const refused = await ask(server, { ...create, headers });
    expect([refused.status, refused.json["code"], corsOf(refused)]).toEqual([
      403,
      "origin_not_allowed",
      {},
    ]);
    const read = await ask(server, { path: "/livez", headers: { origin } });
    // A cache must not hand the answer without headers to the page that may see it.
    expect([read.status, corsOf(read), read.headers.vary]).toEqual([200, {}, "Origin"]);
  });

  it("may not write where the browser says so and hides the origin", async () => {
    await start();
    for (const site of ["cross-site", "same-site"]) {
      const refused = await ask(server, { ...create, headers: { "sec-fetch-site": site } });
      expect(refused.json["code"]).toBe("origin_not_allowed");
    }
  });

  it("is told nothing where no origin is allowed, and caches need not know", async () => {
    await start({ origins: [] });
    const answer = await ask(server, { path: "/livez", headers: { origin: APP } });
    expect([corsOf(answer), answer.headers.vary]).toEqual([{}, undefined]);
  });
});

describe("the server's own page, and programs", () => {
  it.each([
    ["same origin, by the browser's word", { "sec-fetch-site": "same-origin" }],
    ["typed by a person", { "sec-fetch-site": "none" }],
    ["same origin, by address", { host: "files.example", origin: "https://files.example" }],
    ["no browser", {}],
  ])("may write: %s", async (_name, more) => {
    await start();
    const headers = { "content-type": "application/json", ...more };
    expect((await ask(server, { ...create, headers })).status).toBe(201);
  });

  it("may not write under a Host that is not the page's", async () => {
    await start();
    const headers = { host: "files.example", origin: "https://files.example.evil.example" };
    expect((await ask(server, { ...create, headers })).status).toBe(403);
  });
});

describe("a server without a token", () => {
  it.each([
    "localhost",
    "localhost:8420",
    "LOCALHOST",
    "x.localhost:1",
    "127.0.0.1:8420",
    "[::1]:1",
  ])("answers by the name %s", async (host) => {
    await start({ isOpen: true });
    expect((await ask(server, { path: "/v1/files", headers: { host } })).status).toBe(200);
  });

  it.each([
    "evil.example",
    "evil.example:8420",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
  ])("does not by the name %s, which may have been turned on it", async (host) => {
    await start({ isOpen: true });
    const refused = await ask(server, { path: "/v1/files", headers: { host } });
    expect([refused.status, refused.json["code"]]).toEqual([403, "origin_not_allowed"]);
  });

  it("answers by the name of an allowed origin", async () => {
    await start({ isOpen: true });
    const headers = { host: "app.example" };
    expect((await ask(server, { path: "/v1/files", headers })).status).toBe(200);
  });

  it("that has one does not mind", async () => {
    await start({ token: "secret" });
    const headers = { host: "files.example", authorization: "Bearer secret" };
    expect((await ask(server, { path: "/v1/files", headers })).status).toBe(200);
  });
});

describe("an origin in the settings", () => {
  it.each(["https://app.example", "http://localhost:5173", "https://app.example/"])(
    "may be %s",
    (text) => expect(parseOrigin(text)).toBe(text.replace(/\/$/, "")),
  );

  it.each([
    "*",
    "null",
    "app.example",
    "https://app.example/x",
    "https://*.example",
    "ftp://a",
    "",
  ])("may not be %j", (text) => expect(() => parseOrigin(text)).toThrow(/is no origin/));
});
