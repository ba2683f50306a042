// Our own client in a real browser: what a page is given goes to a real server of another origin, and progress is what that has committed.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { startProxy } from "@holdfast/testkit/proxy";
import { passOn, startRelay } from "@holdfast/testkit/relay";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPage, seenBy, untilDone, untilFailed } from "../kit/browser-page.ts";
import { startStore } from "../kit/bucket.ts";
import { startChromium } from "../kit/chromium.ts";
import { type Pages, servePages } from "../kit/pages.ts";
import { openPartTap } from "../kit/part-tap.ts";
import { bytesOf } from "../kit/source.ts";
import { servedDifference } from "../kit/wire.ts";

const CONTENT = { seed: 37, size: 20 * MIB + 18 };
/** As browsers cut it. */
const PARTS = 81;
/** A name as machines of a network have it that no authority vouches for: what it serves is in no secure context. */
const LAN = "files.lan";
const GUARDED =
  "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src http://127.0.0.1:*";

let directory = "";
let source = "";
let url = "";
let pages: Pages;
let guarded: Pages;
let withWasm: Pages;
let browser: Browser;
const stops: (() => Promise<unknown>)[] = [];

const atLan = ({ origin }: Pages) => origin.replace("127.0.0.1", LAN);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-browser-"));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  source = join(directory, "talk.bin");
  await writeFile(source, bytesOf(CONTENT, 0, CONTENT.size));
  const wasm = GUARDED.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'");
  pages = await servePages(["holdfast"]);
  guarded = await servePages(["holdfast"], GUARDED);
  withWasm = await servePages(["holdfast"], wasm);
  const origins = [pages, guarded, withWasm].flatMap((one) => [one.origin, atLan(one)]);
  for (const one of [pages, guarded, withWasm]) stops.push(one.stop);
  const env = { HOLDFAST_SERVE_ORIGINS: origins.join(",") };
  const server = await startServer({ data: join(directory, "data"), port: await freePort(), env });
  stops.push(() => stopServer(server));
  url = server.url;
  browser = await startChromium({ names: [LAN] });
  stops.push(() => browser.close());
}, 300_000);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

const choose = (page: Page) => page.setInputFiles("input[type=file]", source);

async function expectFile(page: Page, content = CONTENT, name = "talk.bin"): Promise<void> {
  const file = (await untilDone(page)).get(name) ?? "";
  expect(await servedDifference(url, new URL(file).pathname, content)).toBeUndefined();
}

/** Digests of the runs that the page sends. */
function watchParts(page: Page): readonly string[] {
  const digests: string[] = [];
  page.on("request", (request) => {
    const headers = request.headers();
    const isRun = request.method() === "PUT" && request.url().includes("/parts/");
    if (isRun) digests.push(headers["part-digest"] ?? headers["content-digest"] ?? "none");
  });
  return digests;
}

test("uploads a file by verified parts, and tells what is committed", async () => {
  const page = await openPage(browser, pages.origin, { to: url });
  const digests = watchParts(page);
  await choose(page);
  await expectFile(page);
  const told = (await seenBy(page, "part")) as { index: number }[];
  const indexes = told.map(({ index }) => index).toSorted((a, b) => a - b);
  expect(indexes).toEqual(Array.from({ length: PARTS }, (_, at) => at));
  const progress = (await seenBy(page, "progress")) as { committed: number }[];
  expect(progress.at(-1)?.committed).toBe(CONTENT.size);
  expect(digests.length).toBeGreaterThan(0);
  expect(digests.every((digest) => digest.startsWith("sha-256="))).toBe(true);
  expect(await seenBy(page, "state")).toEqual(
    expect.arrayContaining(["opening", "creating", "sending", "completing", "complete"]),
  );
  // The page itself did none of the work.
  expect(page.workers().length).toBeGreaterThan(0);
  await page.close();
});

test("uploads a file of no bytes, and a small one in one request", async () => {
  const page = await openPage(browser, pages.origin, { to: url });
  const small = { seed: 38, size: 70_001 };
  await page.setInputFiles("input[type=file]", [
    { name: "empty.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) },
    { name: "small.txt", mimeType: "text/plain", buffer: bytesOf(small, 0, small.size) },
  ]);
  const files = await untilDone(page, 2);
  for (const [name, content] of [
    ["empty.txt", { seed: 38, size: 0 }],
    ["small.txt", small],
  ] as const) {
    const file = new URL(files.get(name) ?? "").pathname;
    expect(await servedDifference(url, file, content)).toBeUndefined();
  }
  await page.close();
});

test("keeps to a strict policy: no eval, workers of its own origin only", async () => {
  const page = await openPage(browser, guarded.origin, { to: url });
  await choose(page);
  await expectFile(page);
  expect(await seenBy(page, "violation")).toEqual([]);
  expect(page.workers().length).toBeGreaterThan(0);
  await page.close();
});

test("where no worker may start, the page does the work itself and says so", async () => {
  const page = await openPage(browser, pages.origin, { to: url });
  await page.evaluate("delete window.Worker");
  await choose(page);
  await expectFile(page);
  expect(await seenBy(page, "warning")).toMatchObject([{ code: "internal" }]);
  await page.close();
});

test("a client that is closed lets go of what it was at, also where the page does the work itself", async () => {
  const tap = await openPartTap(url);
  try {
    const page = await openPage(browser, pages.origin, { to: tap.url });
    await page.evaluate("delete window.Worker");
    const passed = tap.only(1);
    await choose(page);
    await passed;
    await page.evaluate("window.client.close()");
    expect(await untilFailed(page)).toMatch(/^aborted: /);
    tap.open();
    await page.evaluate("window.openClient()");
    await page.evaluate("window.start(document.querySelector('input').files[0])");
    await page.locator('body[data-ended="2"]').waitFor({ state: "attached" });
    const file = await page.evaluate<string>("window.done.get('talk.bin')");
    expect(await servedDifference(url, new URL(file).pathname, CONTENT)).toBeUndefined();
    expect((await seenBy(page, "created")).at(-1)).toMatchObject({ isResumed: true });
    const warnings = (await seenBy(page, "warning")) as { code: string }[];
    expect(warnings.map(({ code }) => code)).toEqual(["internal", "internal"]);
    await page.close();
  } finally {
    await tap.close();
  }
});

test("BLAKE3 is digested by workers of its own", async () => {
  const page = await openPage(browser, withWasm.origin, { to: url, options: { digest: "blake3" } });
  const digests = watchParts(page);
  await choose(page);
  await expectFile(page);
  expect(digests.every((digest) => digest.startsWith("blake3="))).toBe(true);
  expect(withWasm.asked).toContain("/hash-worker.ts");
  expect(await seenBy(page, "violation")).toEqual([]);
  await page.close();
});

test("BLAKE3 fails, and says why, where the policy allows no WebAssembly", async () => {
  const page = await openPage(browser, guarded.origin, { to: url, options: { digest: "blake3" } });
  await choose(page);
  expect(await untilFailed(page)).toMatch(/^digest_unsupported: .*wasm-unsafe-eval/);
  await page.close();
});

test("a part that is too large to be copied is digested by workers, piece by piece", async () => {
  const options = { partSize: 32 * MIB };
  const page = await openPage(browser, pages.origin, { to: url, options });
  const digests = watchParts(page);
  await choose(page);
  await expectFile(page);
  expect(digests.length).toBe(1);
  expect(pages.asked).toContain("/hash-worker.ts");
  await page.close();
});

describe("what comes in between", () => {
  /** Answers with what `stand` says of a run's request, in place of the server, until that has nothing to say. */
  async function relayed(
    stand: (request: IncomingMessage) => { status: number; body: string; type: string } | undefined,
    options: string,
    check: (page: Page) => Promise<void>,
  ): Promise<void> {
    const relay = await startRelay((request, response) => {
      const said = request.method === "PUT" ? stand(request) : undefined;
      if (!said) return passOn(url, request, response);
      request.resume();
      request.once("end", () => {
        const { status, body, type } = said;
        const ours = {
          "access-control-allow-origin": pages.origin,
          "access-control-expose-headers": "holdfast-version",
          "holdfast-version": "1",
        };
        response.writeHead(status, { "content-type": type, ...(status === 401 ? ours : {}) });
        response.end(body);
      });
    });
    try {
      const page = await openPage(browser, pages.origin, { to: relay.url });
      await page.evaluate(`window.more = ${options}`);
      await choose(page);
      await check(page);
      await page.close();
    } finally {
      await relay.close();
    }
  }

  test("pages of a hotel's network, also with status 200, are waited out", async () => {
    const types = ["text/html", "text/html"];
    const stand = () => {
      const type = types.pop();
      return type === undefined ? undefined : { status: 200, type, body: "<h1>Welcome</h1>" };
    };
    await relayed(stand, "{}", async (page) => {
      await expectFile(page);
      expect(await seenBy(page, "retry")).toMatchObject(
        expect.arrayContaining([expect.objectContaining({ code: "connection_failed" })]),
      );
    });
  });

  test("a token that ends in the middle is replaced by the page's next one", async () => {
    const used = new Set<string>();
    const stand = ({ headers: { authorization = "" } }: IncomingMessage) => {
      used.add(authorization);
      if (authorization !== "Bearer old") return undefined;
      const body = JSON.stringify({ code: "unauthorized", title: "no", status: 401 });
      return { status: 401, type: "application/problem+json", body };
    };
    const options =
      "{ token: (() => { let asked = 0; return async () => asked++ ? 'new' : 'old'; })() }";
    await relayed(stand, options, async (page) => {
      await expectFile(page);
      expect([...used].toSorted()).toEqual(["Bearer new", "Bearer old"]);
    });
  });
});

describe("on a network without certificates, where there is no WebCrypto", () => {
  test.each([
    ["WebAssembly", () => withWasm],
    ["plain JavaScript, where the policy allows no WebAssembly,", () => guarded],
  ])("%s digests", async (_, served) => {
    const page = await openPage(browser, atLan(served()), { to: url });
    expect(await page.evaluate("isSecureContext")).toBe(false);
    const digests = watchParts(page);
    await choose(page);
    await expectFile(page);
    expect(digests.every((digest) => digest.startsWith("sha-256="))).toBe(true);
    await page.close();
  });
});

test("pauses, resumes, aborts, and asks the page for its token", async () => {
  const page = await openPage(browser, pages.origin, {
    to: url,
    options: { limitRate: 8 * MIB },
  });
  await choose(page);
  await page.waitForFunction("window.seen.some(({ name }) => name === 'part')");
  await page.evaluate("window.transfers[0].pause()");
  await page.waitForFunction("window.transfers[0].state === 'paused'");
  await page.evaluate("window.transfers[0].resume()");
  await expectFile(page);

  await page.evaluate(`{
    const file = document.querySelector("input").files[0];
    window.start(file, { resume: false, token: async () => "a token that nobody wants" });
  }`);
  await page.waitForFunction("window.transfers[1].state === 'sending'");
  await page.evaluate("window.transfers[1].abort()");
  expect(await untilFailed(page, 2)).toMatch(/^aborted: /);
  await page.close();
});

describe("over a line that is cut again and again", () => {
  test.each([
    ["parts", "PUT", 3 * MIB, {}],
    // No connection carries a whole part.
    ["appends", "PATCH", 2 * MIB, { partSize: 8 * MIB }],
  ])("arrives by %s, and progress never goes back", async (_, method, afterBytes, options) => {
    const fate = () => ({ kind: "cut", afterBytes }) as const;
    const proxy = await startProxy({ targetPort: Number(new URL(url).port), fate });
    try {
      const page = await openPage(browser, pages.origin, { to: proxy.url, options });
      const methods = new Set<string>();
      page.on("request", (request) => void methods.add(request.method()));
      await choose(page);
      const file = (await untilDone(page)).get("talk.bin") ?? "";
      expect(await servedDifference(url, new URL(file).pathname, CONTENT)).toBeUndefined();
      expect(methods).toContain(method);
      const progress = (await seenBy(page, "progress")) as { committed: number }[];
      const told = progress.map(({ committed }) => committed);
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      // Six connections at once carry less than the file. Chromium sends again by itself what a connection breaks off that has served before: the page need not hear of it.
      const cut = proxy.connections.filter(({ up, isOpen }) => up >= afterBytes && !isOpen);
      expect(cut.length).toBeGreaterThan(0);
      await page.close();
    } finally {
      await proxy.close();
    }
  });
});

test("sends parts straight to a store of a third origin, which need not show its ETag", async () => {
  const store = await startStore(undefined, [pages.origin]);
  const data = join(directory, "direct");
  const env = { ...store.env("browser"), HOLDFAST_SERVE_ORIGINS: pages.origin };
  const server = await startServer({ data, port: await freePort(), env });
  try {
    const page = await openPage(browser, pages.origin, { to: server.url });
    const toStore: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "PUT" && request.url().startsWith(store.url))
        toStore.push(request.url());
    });
    await choose(page);
    const file = (await untilDone(page)).get("talk.bin") ?? "";
    const path = new URL(file).pathname;
    expect(await servedDifference(server.url, path, CONTENT)).toBeUndefined();
    expect(toStore.length).toBe(3);
    expect(await seenBy(page, "warning")).toEqual([]);
    await page.close();
  } finally {
    await stopServer(server);
    await store.stop();
  }
}, 300_000);
