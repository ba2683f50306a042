// What stands between a real browser and a server when it is bad: proxies with limits, portals, tokens that end, clocks that are wrong. Each is told by its own
// code, the other files go on, and nothing that is committed is lost.
import type { IncomingMessage, ServerResponse } from "node:http";
import { KIB, MIB } from "@holdfast/protocol";
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openPage, seenBy, untilDone, untilFailed } from "../kit/browser-page.ts";
import { type BrowserPlace, type Chosen, openBrowserPlace } from "../kit/browser-place.ts";
import { startChromium } from "../kit/chromium.ts";
import { servedDifference } from "../kit/wire.ts";

let place: BrowserPlace;
let browser: Browser;
let relay: Relay;
/** Takes a request that is not to reach the server, and answers it or not. */
let stand: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;

beforeAll(async () => {
  place = await openBrowserPlace(["holdfast"]);
  relay = await startRelay((request, response) => {
    if (!stand(request, response)) passOn(place.url, request, response);
  });
  place.keep(relay.close);
  browser = await startChromium();
  place.keep(() => browser.close());
}, 300_000);
afterAll(() => place.close());
afterEach(() => {
  stand = () => false;
  place.pages.before("");
});

const writeSource = (name: string, size: number = 6 * MIB + 18): Promise<Chosen> =>
  place.file(size, name);

/** Through the relay, for which the browser's first upload knows nothing of any line. */
const open = (options: object = {}): Promise<Page> =>
  openPage(browser, place.pages.origin, { to: relay.url, options });

const choose = (page: Page, { path }: Chosen) => page.setInputFiles("input[type=file]", path);

async function expectFile(page: Page, { name, content }: Chosen, files = 1): Promise<void> {
  const file = (await untilDone(page, files)).get(name) ?? "";
  expect(await servedDifference(place.url, new URL(file).pathname, content)).toBeUndefined();
}

const codesOf = async (page: Page, event: string) =>
  ((await seenBy(page, event)) as { code: string }[]).map(({ code }) => code);

async function untilSeen(page: Page, event: string, code: string): Promise<void> {
  const wanted = `window.seen.some(({ name, value }) => name === ${JSON.stringify(event)} && value.code === ${JSON.stringify(code)})`;
  await page.waitForFunction(wanted, undefined, { polling: 50 });
}

/** So that a page of another origin may see that the answer is not Holdfast's. */
const READABLE = () => ({ "access-control-allow-origin": place.pages.origin });

const sizeOf = ({ headers }: IncomingMessage) => Number(headers["content-length"] ?? 0);

/** A proxy that takes no body of more bytes, and says so before it has come, as nginx does. */
function limitBodies(most: number, headers: () => object, refused: number[] = []): void {
  stand = (request, response) => {
    if (sizeOf(request) <= most) return false;
    refused.push(sizeOf(request));
    response.writeHead(413, { "content-type": "text/html", ...headers() });
    response.end("<h1>413 Request Entity Too Large</h1>");
    request.resume();
    return true;
  };
}

describe("a proxy that refuses large bodies", () => {
  test.each([
    ["tells the page", READABLE],
    ["lets no page of another origin hear it", () => ({})],
  ])(
    "gets single parts where it %s, and is not asked for more again",
    async (_, headers) => {
      const page = await open();
      const refused: number[] = [];
      limitBodies(400 * KIB, headers, refused);
      const chosen = await writeSource("limited.bin");
      await choose(page, chosen);
      await expectFile(page, chosen);
      expect(refused.length).toBeGreaterThan(0);
      expect(await codesOf(page, "warning")).toEqual([]);
      const before = refused.length;
      const next = await writeSource("next.bin");
      await choose(page, next);
      await expectFile(page, next, 2);
      expect(refused.length).toBe(before);
      await page.close();
    },
    120_000,
  );

  test("that takes not even a part gets smaller ones, though the page does not hear it", async () => {
    const page = await open({ partSize: MIB });
    limitBodies(600 * KIB, () => ({}));
    const chosen = await writeSource("smaller.bin");
    await choose(page, chosen);
    await expectFile(page, chosen);
    expect(await codesOf(page, "warning")).toEqual(["request_too_large"]);
    await page.close();
  }, 120_000);

  test("that takes not even the smallest is named; another file goes on, and the same one where the limit is lifted", async () => {
    const page = await open();
    limitBodies(100 * KIB, () => ({}));
    const chosen = await writeSource("refused.bin", 2 * MIB);
    const small = await writeSource("small.bin", 70 * KIB);
    await choose(page, chosen);
    await untilSeen(page, "warning", "request_too_large");
    await choose(page, small);
    await page.locator('body[data-ended="1"]').waitFor({ state: "attached" });
    stand = () => false;
    await expectFile(page, small, 2);
    await expectFile(page, chosen, 2);
    await page.close();
  }, 120_000);

  test("and says so fails the file by a code of its own; others go on", async () => {
    const page = await open();
    limitBodies(100 * KIB, READABLE);
    const chosen = await writeSource("told.bin", 2 * MIB);
    const small = await writeSource("beside.bin", 70 * KIB);
    await choose(page, chosen);
    expect(await untilFailed(page)).toMatch(/^request_too_large: .*262144 bytes/);
    await choose(page, small);
    await page.locator('body[data-ended="2"]').waitFor({ state: "attached" });
    expect(await page.evaluate("window.done.has('beside.bin')")).toBe(true);
    await page.close();
  }, 120_000);
});

describe("a network's portal that stands in between for a while", () => {
  /** Nobody may read what it says, as is usual; some of them let everybody. */
  const kinds = {
    "leads to a login page elsewhere": (response: ServerResponse) =>
      response.writeHead(302, { location: "http://127.0.0.1:9/login" }).end(),
    "leads to a login page at the same address, for all to read": (response: ServerResponse) =>
      response.writeHead(307, { ...READABLE(), location: "/login" }).end(),
    "answers 200 with a page, for all to read": (response: ServerResponse) =>
      response
        .writeHead(200, { ...READABLE(), "content-type": "text/html" })
        .end("<h1>Welcome</h1>"),
    "answers 511": (response: ServerResponse) => response.writeHead(511).end("<h1>Log in</h1>"),
  };

  test.each(Object.entries(kinds))(
    "and %s is waited out, by what is under way and by what comes then",
    async (_, answer) => {
      const page = await open();
      const [first, small, second] = [
        await writeSource("first.bin"),
        await writeSource("small.bin", 70 * KIB),
        await writeSource("second.bin"),
      ];
      let isOpen = false;
      let parts = 0;
      stand = (request, response) => {
        // The first part goes through; then the network wants a login.
        const isPart = request.method === "PUT";
        if (isOpen || (parts === 0 && !isPart)) return false;
        if (isPart && parts++ === 0) return false;
        request.resume();
        answer(response);
        return true;
      };
      await choose(page, first);
      await page.waitForFunction("window.seen.some(({ name }) => name === 'retry')", undefined, {
        polling: 50,
      });
      await choose(page, small);
      await choose(page, second);
      const waiting = `new Set(window.seen.filter(({ name }) => name === "retry").map(({ file }) => file)).size === 3`;
      await page.waitForFunction(waiting, undefined, { polling: 50 });
      expect(await page.evaluate("document.body.dataset.ended")).toBeUndefined();
      isOpen = true;
      for (const one of [first, small, second]) await expectFile(page, one, 3);
      for (const code of await codesOf(page, "retry"))
        expect(["connection_failed", "not_holdfast"]).toContain(code);
      await page.close();
    },
    120_000,
  );
});

/** An answer in the server's name. */
function answerAs(response: ServerResponse, status: number, code: string, more: object = {}): void {
  response.writeHead(status, {
    ...READABLE(),
    "access-control-expose-headers": "holdfast-version, retry-after, date",
    "holdfast-version": "1",
    "content-type": "application/problem+json",
    ...more,
  });
  response.end(JSON.stringify({ code, title: "no", status }));
}

test.each([
  ["quota is used up", 429, "quota_exceeded"],
  ["disk is full", 507, "storage_full"],
])(
  "a server whose %s keeps its file waiting, and no other one, until there is room",
  async (_, status, code) => {
    const page = await open();
    let isFull = true;
    stand = (request, response) => {
      const isCreate = request.method === "POST" && request.url === "/v1/uploads";
      if (!isFull || !isCreate) return false;
      request.resume();
      answerAs(response, status, code, { "retry-after": "1" });
      return true;
    };
    const [large, small] = [
      await writeSource(`${code}.bin`),
      await writeSource(`${code}.txt`, 70 * KIB),
    ];
    await choose(page, large);
    await untilSeen(page, "retry", code);
    await choose(page, small);
    await page.locator('body[data-ended="1"]').waitFor({ state: "attached" });
    isFull = false;
    await expectFile(page, small, 2);
    await expectFile(page, large, 2);
    await page.close();
  },
  120_000,
);

describe("a token that ends in the middle", () => {
  test("and has no successor fails its file alone, which goes on where it was once there is one", async () => {
    const page = await open();
    const sent: string[] = [];
    let refused = 0;
    stand = (request, response) => {
      if (request.method !== "PUT") return false;
      const token = request.headers.authorization;
      if (token !== "Bearer old") sent.push(request.url ?? "");
      else if (!sent.includes("old")) {
        sent.push("old");
        return false;
      } else {
        refused++;
        request.resume();
        answerAs(response, 401, "unauthorized");
        return true;
      }
      return false;
    };
    await page.evaluate(`Object.assign(window, {
      asked: 0,
      more: { token: async () => { window.asked++; return "old"; } },
    })`);
    const [old, other] = [await writeSource("old.bin"), await writeSource("other.bin")];
    await choose(page, old);
    expect(await untilFailed(page)).toMatch(/^unauthorized: /);
    // Once to begin with, and once more for those that are refused together.
    const asked = await page.evaluate<number>("window.asked");
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThanOrEqual(1 + refused);
    await page.evaluate("window.more = { token: async () => 'new' }");
    await choose(page, other);
    await choose(page, old);
    await page.locator('body[data-ended="3"]').waitFor({ state: "attached" });
    for (const { name, content } of [old, other]) {
      const file = await page.evaluate<string>(`window.done.get(${JSON.stringify(name)})`);
      expect(await servedDifference(place.url, new URL(file).pathname, content)).toBeUndefined();
    }
    const created = (await seenBy(page, "created")) as { isResumed: boolean }[];
    expect(created.map(({ isResumed }) => isResumed).toSorted()).toEqual([false, false, true]);
    await page.close();
  }, 120_000);
});

describe("a clock that is wrong by years", () => {
  /** A stand-in: nobody sets the clock of the machine that tests run on. The worker is where all of the client's clock is asked. */
  const setClock = (offsetMs: number) =>
    place.pages.before(`{ const now = Date.now; Date.now = () => now() + ${offsetMs}; }\n`);
  const YEARS = 10 * 365 * 24 * 60 * 60 * 1000;

  test.each([
    ["ahead", YEARS],
    ["behind", -YEARS],
  ])(
    "%s shortens or lengthens no waiting, warns of nothing, and lets an upload go on after a reload",
    async (_, offset) => {
      setClock(offset);
      const page = await open();
      let state: "before" | "asked to wait" | "kept" | "open" = "before";
      stand = (request, response) => {
        if (request.method !== "PUT" || state === "open") return false;
        if (state === "kept") return true;
        if (state === "asked to wait") {
          state = "kept";
          return false;
        }
        state = "asked to wait";
        request.resume();
        const now = Date.now();
        // HTTP dates have no parts of a second.
        answerAs(response, 503, "overloaded", {
          date: new Date(now).toUTCString(),
          "retry-after": new Date(now + 2_000).toUTCString(),
        });
        return true;
      };
      const chosen = await writeSource(`clock${offset}.bin`);
      await choose(page, chosen);
      await untilSeen(page, "retry", "overloaded");
      const [retry] = (await seenBy(page, "retry")) as { waitMs: number }[];
      expect(retry?.waitMs).toBeGreaterThanOrEqual(1_000);
      expect(retry?.waitMs).toBeLessThan(10_000);
      await page.waitForFunction("window.seen.some(({ name }) => name === 'part')", undefined, {
        polling: 50,
      });
      expect(await codesOf(page, "warning")).toEqual([]);
      await page.reload();
      state = "open";
      await choose(page, chosen);
      await expectFile(page, chosen);
      expect(await seenBy(page, "created")).toMatchObject([{ isResumed: true }]);
      expect(await codesOf(page, "warning")).toEqual([]);
      await page.close();
    },
    120_000,
  );
});
