import { KIB, MIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { interpose } from "@holdfast/testkit/interposer";
import { startProxy } from "@holdfast/testkit/proxy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCheckpointStore } from "./node/checkpoint.ts";
import type { NodeOptions } from "./node/index.ts";
import { download, upload } from "./node/index.ts";
import { systemClock, systemDigester } from "./node/platform.ts";
import { makePlace, next, type Place, record } from "./node/testing/place.ts";
import { rememberLine } from "./recall.ts";
import type { UploadOptions } from "./upload.ts";

let place: Place;
beforeEach(() => {
  place = makePlace(serve);
});
afterEach(() => place.clear());

function send(path: string, to: string, options: Partial<UploadOptions> & NodeOptions = {}) {
  return upload(path, { to, stateDir: place.stateDir, ...options });
}

/** The bytes of a file on the server. */
async function fetchBack(url: string): Promise<Buffer> {
  await download(url, place.path("back"), { stateDir: place.stateDir }).done;
  return place.read("back");
}

describe("an upload", () => {
  it.each([
    ["nothing", 0],
    ["one byte", 1],
    ["exactly one part", MIB],
    ["one byte more than a part", MIB + 1],
    ["many runs", 17 * MIB + 4321],
  ])("of %s arrives as it is", async (_, size) => {
    const server = await place.serve();
    const { path, bytes } = place.file("a file.bin", size);
    const transfer = send(path, server.url, { metadata: new Map([["k", "v"]]) });
    const [states, progress, parts] = [
      record(transfer, "state"),
      record(transfer, "progress"),
      record(transfer, "part"),
    ];
    const result = await transfer.done;
    expect(result).toMatchObject({
      size,
      bytesSent: size,
      bytesCommitted: size,
      resumedBytes: 0,
    });
    expect(result.url).toBe(`${server.url}/v1/files/${result.id}`);
    expect(states.at(0)).toBe("opening");
    expect(states.at(-1)).toBe("complete");
    expect(new Set(parts.map(({ index }) => index)).size).toBe(Math.ceil(size / MIB));
    const committed = progress.map((one) => one.committed);
    expect(committed).toEqual([...committed].sort((a, b) => a - b));
    expect(progress.at(-1)).toMatchObject({ committed: size, sent: 0, size });
    expect(progress.every((one) => one.committed + one.sent <= size)).toBe(true);
    expect((await fetchBack(result.url)).equals(bytes)).toBe(true);
  });

  it("names itself on every request and reads the source once", async () => {
    const server = await place.serve();
    const proxy = place.keep(await interpose(server.url));
    await send(place.file("f", 10 * MIB).path, proxy.url).done;
    const clients = new Set(proxy.seen.map(({ headers }) => headers["holdfast-client"]));
    expect(clients.size).toBe(1);
    expect([...clients][0]).toMatch(/^holdfast-js\/0\.1\.0; transfer=[a-z2-7]{26}; attempt=1$/);
  });

  it("goes through connections that are cut, and sends little twice", async () => {
    const server = await place.serve();
    const size = 24 * MIB;
    const { path, bytes } = place.file("f", size);
    const proxy = place.keep(
      await startProxy({
        targetPort: server.port,
        fate: (index) =>
          index < 6 ? { kind: "cut", afterBytes: (1 + index) * MIB } : { kind: "well" },
      }),
    );
    const transfer = send(path, proxy.url);
    const retries = record(transfer, "retry");
    const result = await transfer.done;
    expect(retries.map(({ code }) => code)).toContain("connection_failed");
    expect(result.bytesSent - size).toBeLessThan(24 * MIB);
    expect((await fetchBack(result.url.replace(proxy.url, server.url))).equals(bytes)).toBe(true);
  });

  it("survives an answer that was lost: nothing is stored twice, nothing is missing", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 6 * MIB);
    const proxy = place.keep(
      await startProxy({
        targetPort: server.port,
        fate: (index) => (index < 3 ? { kind: "lose-answer", afterBytes: MIB } : { kind: "well" }),
      }),
    );
    const result = await send(path, proxy.url).done;
    expect((await fetchBack(result.url)).equals(bytes)).toBe(true);
  });

  it("waits for a server that is away and goes on when it is back", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 20 * MIB);
    const proxy = place.keep(await startProxy({ targetPort: server.port }));
    const transfer = send(path, proxy.url, { limitRate: 40 * MIB });
    await next(transfer, "progress", ({ committed }) => committed > 0);
    await proxy.refuse();
    for (const connection of proxy.connections) connection.cut();
    await next(transfer, "retry", ({ waitMs }) => waitMs === 1000);
    await proxy.accept();
    const result = await transfer.done;
    expect((await fetchBack(result.url)).equals(bytes)).toBe(true);
  });

  it("gives up on a connection that is frozen", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 6 * MIB);
    const proxy = place.keep(
      await startProxy({
        targetPort: server.port,
        line: { bytesPerSecond: 20e6, latencyMs: 2 },
        fate: (index) => (index === 0 ? { kind: "freeze", afterBytes: MIB / 2 } : { kind: "well" }),
      }),
    );
    const transfer = send(path, proxy.url, { stallMs: 1000 });
    const retries = record(transfer, "retry");
    const result = await transfer.done;
    expect(retries.map(({ code }) => code)).toContain("stalled");
    // It has come as far as that, and no further.
    expect(proxy.connections[0]?.up).toBeGreaterThanOrEqual(MIB / 2);
    expect(proxy.connections[0]?.up).toBeLessThan(MIB);
    expect((await fetchBack(result.url)).equals(bytes)).toBe(true);
  });
});

describe("an upload that is paused", () => {
  it("goes on in the same process", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 8 * MIB);
    const transfer = send(path, server.url, { limitRate: 20 * MIB });
    await next(transfer, "progress", ({ committed }) => committed > 0);
    transfer.pause();
    expect(transfer.state).toBe("paused");
    transfer.resume();
    const result = await transfer.done;
    expect((await fetchBack(result.url)).equals(bytes)).toBe(true);
  });
});

describe("an upload that is aborted", () => {
  it("is gone from the server, and the next one begins anew", async () => {
    const server = await place.serve();
    const { path } = place.file("f", 8 * MIB);
    const transfer = send(path, server.url, { limitRate: 40 * MIB });
    const { url } = await next(transfer, "created");
    await next(transfer, "progress", ({ committed }) => committed > 0);
    transfer.abort();
    await expect(transfer.done).rejects.toMatchObject({ code: "aborted" });
    expect(transfer.state).toBe("aborted");
    expect(await (await fetch(url)).json()).toMatchObject({ state: "aborted" });
    expect((await send(path, server.url).done).resumedBytes).toBe(0);
  });

  it("ends also before it has begun", async () => {
    const server = await place.serve();
    const transfer = send(place.file("f", MIB).path, server.url);
    transfer.abort();
    await expect(transfer.done).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("an upload over a line that is known to be very slow", () => {
  it("is appended, goes on byte by byte after a cut, and arrives as it is", async () => {
    const server = await place.serve();
    const proxy = place.keep(
      await startProxy({
        targetPort: server.port,
        line: { bytesPerSecond: 1e6, latencyMs: 2 },
        fate: (index) => (index === 0 ? { kind: "cut", afterBytes: 200_000 } : { kind: "well" }),
      }),
    );
    const checkpoints = createCheckpointStore({
      directory: place.stateDir,
      now: () => systemClock.now(),
    });
    const lines = new Map();
    const here = { checkpoints, digester: systemDigester, clock: systemClock, lines };
    await rememberLine(here, "up", proxy.url, { inFlight: 1, rate: 20_000 });
    checkpoints.close();
    const { path, bytes } = place.file("slow", 1024 * KIB + 7);
    const transfer = send(path, proxy.url);
    const retries = record(transfer, "retry");
    const { url } = await transfer.done;
    expect(retries.length).toBeGreaterThan(0);
    // As a part, what the cut connection carried would have gone out again.
    expect(proxy.totals().up).toBeLessThan(bytes.length + 100_000);
    await download(new URL(new URL(url).pathname, server.url).href, place.path("slow-back"), {
      stateDir: place.stateDir,
    }).done;
    expect(place.read("slow-back").equals(bytes)).toBe(true);
  });
});
