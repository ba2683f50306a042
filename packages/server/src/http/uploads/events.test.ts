// Events over a real connection: what a browser's EventSource would see.
import { request } from "node:http";
import { decodeUpload, KIB, type UploadView } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../platform.ts";
import { ask, askJson, putRequest, startTestServer, type TestServer } from "../server.fixture.ts";

const CONTENT = createRandom("events").bytes(600 * KIB);

let server: TestServer;
let view: UploadView;
beforeEach(async () => {
  server = await startTestServer();
  const body = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB };
  view = decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
});
afterEach(() => server.close());

interface Listening {
  readonly type: string | undefined;
  readonly length: string | undefined;
  /** Resolves with the next event, `name data`; undefined at the end of the stream. */
  next(): Promise<string | undefined>;
  cut(): void;
}

async function listen(): Promise<Listening> {
  const path = `/v1/uploads/${view.id}/events`;
  const options = { host: "127.0.0.1", port: server.port, path, agent: false as const };
  const sending = request(options);
  sending.on("error", () => undefined).end();
  const response = await new Promise<import("node:http").IncomingMessage>((resolve) =>
    sending.on("response", resolve),
  );
  const pieces = response.setEncoding("utf8")[Symbol.asyncIterator]();
  let text = "";
  async function next(): Promise<string | undefined> {
    for (;;) {
      const found = /event: (.*)\ndata: (.*)\n\n/.exec(text);
      if (found) {
        text = text.slice(found.index + found[0].length);
        return `${found[1]} ${found[2]}`;
      }
      const piece = await pieces.next();
      if (piece.done) return undefined;
      text += piece.value;
    }
  }
  const { headers } = response;
  const [type, length] = [headers["content-type"], headers["content-length"]];
  return { type, length, next, cut: () => sending.destroy() };
}

describe("GET /v1/uploads/{id}/events", () => {
  it("tells the present, then the progress, then the file, and ends", async () => {
    await ask(server, putRequest(view, CONTENT, [0, 1]));
    const events = await listen();
    expect(events.type).toBe("text/event-stream");
    expect(events.length).toBeUndefined();
    const part = 256 * KIB;
    expect(await events.next()).toBe(`progress {"committed":1,"offset":${part},"bytes":${part}}`);
    expect(await events.next()).toBe('state {"state":"open"}');
    await ask(server, putRequest(view, CONTENT, [1, 3]));
    const all = `{"committed":3,"offset":${CONTENT.length},"bytes":${CONTENT.length}}`;
    expect(await events.next()).toBe(`progress ${all}`);
    const done = await ask(server, { method: "POST", path: `/v1/uploads/${view.id}/complete` });
    const { file } = decodeUpload(done.json);
    expect(await events.next()).toBe(`progress ${all}`);
    expect(await events.next()).toContain(`"url":"${file?.url}"`);
    expect(await events.next()).toBeUndefined();
  });

  it("is refused before it begins, with a status", async () => {
    const path = "/v1/uploads/aaaaaaaaaaaaaaaaaaaaaaaaaa/events";
    expect(await ask(server, { path })).toMatchObject({
      status: 404,
      json: { code: "upload_not_found" },
    });
  });

  it("of an upload that has ended is over at once", async () => {
    await ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}` });
    const events = await listen();
    await events.next();
    expect(await events.next()).toBe('state {"state":"aborted"}');
    expect(await events.next()).toBeUndefined();
  });

  it("says that the server closes", async () => {
    const events = await listen();
    await events.next();
    await events.next();
    server.beginClosing();
    await server.engine.drain(0);
    expect(await events.next()).toBe("closing {}");
    expect(await events.next()).toBeUndefined();
  });

  it("ends quietly for a client that is gone", async () => {
    const events = await listen();
    await events.next();
    events.cut();
    await ask(server, putRequest(view, CONTENT, [0, 3]));
    while ((await server.connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(server.logged.filter(({ event }) => event !== "request")).toEqual([]);
  });
});

describe("watchers that leave", () => {
  const WATCHERS = 1000;

  it("are 1,000, and noticed at once: nothing of theirs is left", async () => {
    await server.close();
    // What a watch waits for, and when somebody notices that nobody waits any more.
    const waiting = new Set<object>();
    const clock = {
      ...systemClock,
      after(ms: number, task: () => void) {
        const one = {};
        waiting.add(one);
        const callOff = systemClock.after(ms, () => {
          waiting.delete(one);
          task();
        });
        return () => {
          waiting.delete(one);
          callOff();
        };
      },
    };
    server = await startTestServer({ parts: { clock }, requestsMax: WATCHERS + 1 });
    const body = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB };
    view = decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
    const watchers: Listening[] = [];
    while (watchers.length < WATCHERS) {
      watchers.push(...(await Promise.all(Array.from({ length: 100 }, listen))));
    }
    await Promise.all(watchers.map(({ next }) => next()));
    // Until each of them has seen that there is nothing new, so that its next look is far away.
    await expect.poll(() => waiting.size).toBe(WATCHERS);
    const second = await ask(server, { path: "/v1/files" });
    expect(second.status).toBe(200);
    const before = performance.now();
    for (const { cut } of watchers) cut();
    const free = async () => (await server.connections()) + waiting.size;
    await expect.poll(free, { interval: 5, timeout: 10_000 }).toBe(0);
    const tookMs = performance.now() - before;
    // A thousand connections take their time to close; for the next word to one of them they would wait 15 s.
    expect(tookMs).toBeLessThan(5_000);
    const again = await Promise.all(
      Array.from({ length: 200 }, () => ask(server, { path: "/v1/files" })),
    );
    expect(again.every(({ status }) => status === 200)).toBe(true);
    expect(server.logged.filter(({ event }) => event !== "request")).toEqual([]);
  }, 60_000);
});
