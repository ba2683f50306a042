// Where bytes of a file are asked for when the server leads to its store: what goes there, and what brings a transfer back.
import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createAuth } from "./auth.ts";
import { UNLIMITED } from "./limit.ts";
import type { Transport, TransportRequest, TransportResponse } from "./ports.ts";
import { createWire } from "./wire.ts";

const FILE = "https://files.example/v1/files/a";
const STORE = "https://store.example/key?signed";

type Answer = (request: TransportRequest) => TransportResponse;

function response(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): TransportResponse {
  return {
    status,
    header: (name) => headers[name],
    read: async (take) => take(new TextEncoder().encode(text)),
  };
}

const ours = { "holdfast-version": "1" };
const leading = (location = STORE) => response(307, "", { ...ours, location });
const served = () => response(206, "from the server", ours);
const stored = () => response(206, "from the store");

/** A server that leads on where it is allowed to, and a store that does as it is told. */
function start({
  atStore = stored,
  leads = leading,
  ...more
}: { atStore?: Answer; leads?: () => TransportResponse } & Partial<Transport> = {}) {
  const clock = createVirtualClock();
  const asked: TransportRequest[] = [];
  const transport: Transport = {
    tellsWhereTo: true,
    mayRepeat: false,
    async request(request) {
      asked.push(request);
      if (request.url !== FILE) return atStore(request);
      return request.headers["holdfast-redirect"] === "?1" ? leads() : served();
    },
    close: () => undefined,
    ...more,
  };
  const auth = createAuth("secret");
  const wire = createWire({
    ...{
      transport,
      clock,
      auth,
      limit: UNLIMITED,
      transfer: "t",
      stallMs: 1000,
      answered: new Set<string>(),
    },
  });
  const controller = new AbortController();
  const get = (headers = {}, use = (text: string) => text) =>
    wire.sendLed(
      {
        ...{ method: "GET", url: FILE, attempt: 1, signal: controller.signal },
        headers: { range: "bytes=0-9", "if-match": '"root"', ...headers },
      },
      async (answer) => use(await answer.text()),
    );
  const ask = () =>
    wire.sendLed(
      {
        ...{ method: "HEAD", url: FILE, attempt: 2, signal: controller.signal },
        headers: { "if-match": '"root"' },
      },
      (answer) => answer.text(),
    );
  const urls = () => asked.splice(0).map(({ url }) => url);
  return {
    clock,
    asked,
    ask,
    get,
    urls,
    abort: () => controller.abort(new HoldfastError("aborted")),
  };
}

describe("bytes of a file whose server leads to its store", () => {
  it("come from there, without the token or anything else that is meant for the server", async () => {
    const { get, asked } = start();
    expect(await get()).toBe("from the store");
    const [own, there] = asked;
    expect(own?.headers).toMatchObject({
      ...{ authorization: "Bearer secret", "if-match": '"root"', "holdfast-redirect": "?1" },
    });
    expect(there?.url).toBe(STORE);
    expect(there?.headers).toEqual({
      ...{ range: "bytes=0-9", "accept-encoding": "identity" },
      "user-agent": expect.stringMatching(/^holdfast-js/),
    });
  });

  it("are asked for at the same address for a minute", async () => {
    const { clock, get, urls } = start();
    await get();
    await get();
    expect(urls()).toEqual([FILE, STORE, STORE]);
    clock.advance(60_000);
    await get();
    expect(urls()).toEqual([FILE, STORE]);
  });

  it.each<readonly [string, Answer]>([
    [
      "cannot be reached",
      () => {
        throw new HoldfastError("connection_failed");
      },
    ],
    ["says that the address is over", () => response(403, "<Code>AccessDenied</Code>")],
    ["has nothing there", () => response(404, "<Code>NoSuchKey</Code>")],
    ["gives all of it", () => response(200, "from the store, and more")],
    ["leads on", () => response(307, "", { location: "https://elsewhere.example/" })],
    ["fails", () => response(500, "")],
  ])("come from the server at once, and for a minute, where the store %s", async (_, atStore) => {
    const { clock, get, urls } = start({ atStore });
    expect(await get()).toBe("from the server");
    expect(urls()).toEqual([FILE, STORE, FILE]);
    expect(await get()).toBe("from the server");
    expect(urls()).toEqual([FILE]);
    clock.advance(60_000);
    await get();
    expect(urls()).toEqual([FILE, STORE, FILE]);
  });

  it("come from the server after others came from the store, which is no reason to give up", async () => {
    const { get, urls } = start();
    const wrong = get({}, () => {
      throw new HoldfastError("not_holdfast", "another range");
    });
    await expect(wrong).rejects.toMatchObject({ code: "connection_failed" });
    expect(urls()).toEqual([FILE, STORE]);
    expect(await get()).toBe("from the server");
  });

  it("come from the server where they are to be looked at in the store", async () => {
    const { get, urls } = start();
    expect(await get({ "holdfast-verify": "?1" })).toBe("from the server");
    expect(urls()).toEqual([FILE]);
  });

  it("go on coming from there where the server is asked between them whether the file is the same", async () => {
    const { ask, get, urls } = start();
    await get();
    await ask();
    await get();
    expect(urls()).toEqual([FILE, STORE, FILE, STORE]);
  });

  it.each([
    ["into the clear", "http://store.example/"],
    ["to a password", "https://a:b@store.example/"],
    ["nowhere", ""],
  ])("come from the server where that leads %s", async (_, location) => {
    const { get, urls } = start({ leads: () => leading(location) });
    expect(await get()).toBe("from the server");
    expect(urls()).toEqual([FILE, FILE]);
  });

  it("come from nowhere else where a stranger leads on in its place", async () => {
    const { get, urls } = start({ leads: () => response(307, "", { location: STORE }) });
    // Answered by our server, once it is asked without a word of leading on.
    expect(await get()).toBe("from the server");
    expect(urls()).not.toContain(STORE);
  });

  it("come from the server for a page, which is told nothing of where it is led", async () => {
    const { get, asked } = start({ tellsWhereTo: undefined as never });
    expect(await get()).toBe("from the server");
    expect(asked[0]?.headers["holdfast-redirect"]).toBeUndefined();
  });

  it("are given up with the transfer", async () => {
    const world = start({
      atStore() {
        world.abort();
        throw new HoldfastError("connection_failed");
      },
    });
    await expect(world.get()).rejects.toMatchObject({ code: "aborted" });
    expect(world.urls()).toEqual([FILE, STORE]);
  });
});
