import { existsSync, linkSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { createVirtualClock } from "@holdfast/testkit/clock";
import {
  answer,
  first,
  type Interposer,
  interpose,
  type Meddle,
  problem,
} from "@holdfast/testkit/interposer";
import { type Fate, startProxy } from "@holdfast/testkit/proxy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startDownload } from "./download.ts";
import { createCheckpointStore } from "./node/checkpoint.ts";
import { download, upload } from "./node/index.ts";
import { systemClock, systemDigester, systemRandom } from "./node/platform.ts";
import { openFileSink } from "./node/sink.ts";
import { makePlace, next, type Place, record, type Server } from "./node/testing/place.ts";
import { downloadStill } from "./node/testing/still.ts";
import { createNodeTransport } from "./node/transport.ts";
import type { Ports, Sink } from "./ports.ts";
import { ALONE } from "./share.ts";

const PART = 256 * KIB;
const SIZE = 20 * PART + 4567;

let place: Place;
let server: Server;
let bytes: Buffer;
let url: string;
let root: string;

beforeEach(async () => {
  place = makePlace(serve);
  server = await place.serve();
  await put(SIZE);
});
afterEach(() => place.clear());

async function put(size: number): Promise<void> {
  const file = place.file("f", size);
  bytes = file.bytes;
  ({ url, root } = await upload(file.path, {
    to: server.url,
    stateDir: place.stateDir,
    partSize: PART,
  }).done);
}

function portsOf(): Ports {
  return {
    transport: createNodeTransport(),
    checkpoints: createCheckpointStore({
      directory: place.stateDir,
      now: () => systemClock.now(),
    }),
    clock: systemClock,
    random: systemRandom,
    digester: systemDigester,
    share: ALONE,
    lines: new Map(),
    place: async () => "here",
  };
}

function fetchFile(from = url, options: Partial<Parameters<typeof download>[2]> = {}) {
  return download(from, place.path("copy"), { stateDir: place.stateDir, ...options });
}

/** To the byte: by the time of day a last run that is late would be fetched again. */
function fetchStill() {
  const { stateDir } = place;
  return downloadStill(createVirtualClock(), place.path("copy"), { url, stateDir });
}

async function through(
  meddle: Meddle,
  tamper?: Parameters<typeof interpose>[2],
): Promise<Interposer> {
  return place.keep(await interpose(server.url, meddle, tamper));
}

function via(proxy: { readonly url: string }): string {
  return url.replace(server.url, proxy.url);
}

/** Whether a request is one for bytes of the version that the manifest is of. */
function isPinned({ headers }: { readonly headers: IncomingHttpHeaders }): boolean {
  return headers.range !== undefined && headers["if-match"] !== "*";
}

/** Name of the working file. */
function working(): string {
  return place.path(`.copy.${root.slice(0, 16)}.part`);
}

function isThere(): boolean {
  return place.read("copy").equals(bytes) && !existsSync(working());
}

describe("a download", () => {
  it.each([0, 1, PART, PART + 1, SIZE])("of %d bytes is what was uploaded", async (size) => {
    await put(size);
    const transfer = fetchStill();
    const [states, parts] = [record(transfer, "state"), record(transfer, "part")];
    expect(await transfer.done).toMatchObject({
      url,
      id: url.split("/").at(-1),
      size,
      bytesSent: size,
      bytesCommitted: size,
      resumedBytes: 0,
    });
    expect(isThere()).toBe(true);
    expect(states).toEqual([
      "opening",
      "checking",
      ...(size > 0 ? ["receiving"] : []),
      "completing",
      "complete",
    ]);
    expect(parts.length).toBe(Math.ceil(size / PART));
  });

  it("fetches nothing where the file is there already", async () => {
    await fetchFile().done;
    expect(await fetchFile().done).toMatchObject({ bytesSent: 0, resumedBytes: SIZE });
  });

  it("refuses to replace another file", async () => {
    for (const other of [Buffer.from("mine"), Buffer.alloc(SIZE)]) {
      writeFileSync(place.path("copy"), other);
      await expect(fetchFile().done).rejects.toMatchObject({ code: "sink_exists" });
      expect(place.read("copy").equals(other)).toBe(true);
    }
  });

  it("goes through connections that are cut, and keeps every part that arrived", async () => {
    const proxy = place.keep(
      await startProxy({
        targetPort: server.port,
        fate: (index) => (index < 4 ? { kind: "lose-answer", afterBytes: 1 } : { kind: "well" }),
      }),
    );
    const transfer = fetchFile(via(proxy));
    const retries = record(transfer, "retry");
    const result = await transfer.done;
    expect(retries.map(({ code }) => code)).toContain("connection_failed");
    expect(result.bytesSent).toBeLessThan(2 * SIZE);
    expect(isThere()).toBe(true);
  });

  it("goes on within a part that was cut", async () => {
    const fate = (index: number): Fate =>
      index < 8 ? { kind: "cut", afterBytes: 2.5 * PART, of: "server" } : { kind: "well" };
    const proxy = place.keep(await startProxy({ targetPort: server.port, fate }));
    const result = await fetchFile(via(proxy)).done;
    // Eight halves would be four parts.
    expect(result.bytesSent).toBeLessThan(SIZE + 2 * PART);
    expect(isThere()).toBe(true);
  });

  it("fetches only what the working file does not have, bad parts included", async () => {
    const damaged = Buffer.from(bytes.subarray(0, 12 * PART));
    damaged[3 * PART + 5] = (damaged[3 * PART + 5] ?? 0) ^ 1;
    writeFileSync(working(), damaged);
    const result = await fetchStill().done;
    expect(result).toMatchObject({ resumedBytes: 11 * PART, bytesSent: SIZE - 11 * PART });
    expect(isThere()).toBe(true);
  });

  it("cuts what the working file has too much", async () => {
    writeFileSync(working(), Buffer.concat([bytes, Buffer.alloc(99, 1)]));
    expect(await fetchFile().done).toMatchObject({ bytesSent: 0, resumedBytes: SIZE });
    expect(isThere()).toBe(true);
  });

  it("removes the working file that a crash has left beside the whole one", async () => {
    await fetchFile().done;
    linkSync(place.path("copy"), working());
    expect(await fetchFile().done).toMatchObject({ bytesSent: 0 });
    expect(isThere()).toBe(true);
  });

  it("leaves the working file of another one alone where it is aborted before it has the claim", async () => {
    writeFileSync(working(), bytes.subarray(0, PART));
    const ports = portsOf();
    const claim = async () => {
      early.abort();
      throw new HoldfastError("transfer_busy");
    };
    const early = startDownload(
      () => openFileSink(place.path("copy")),
      { url },
      { ...ports, checkpoints: { ...ports.checkpoints, claim } },
    );
    await expect(early.done).rejects.toMatchObject({ code: "aborted" });
    expect(existsSync(working())).toBe(true);
  });

  it("writes every part as it is verified, not only when its run is there", async () => {
    const written: number[] = [];
    const open = async () => {
      const sink = await openFileSink(place.path("copy"));
      const write: Sink["write"] = (offset, piece) => {
        written.push(piece.length);
        return sink.write(offset, piece);
      };
      return { ...sink, write };
    };
    await startDownload(open, { url }, portsOf()).done;
    expect(Math.max(...written)).toBe(PART);
    expect(isThere()).toBe(true);
  });

  it("fails with the error of the sink, and asks for nothing more", async () => {
    const open = async () => {
      const sink = await openFileSink(place.path("copy"));
      const write: Sink["write"] = async () => {
        throw new HoldfastError("sink_failed", "the disk is full");
      };
      return { ...sink, write };
    };
    await expect(startDownload(open, { url }, portsOf()).done).rejects.toMatchObject({
      code: "sink_failed",
      message: "the disk is full",
    });
  });

  it("fetches a part again that was damaged on the way", async () => {
    let isDamaged = false;
    const proxy = await through(
      () => undefined,
      (request, piece) => {
        if (isDamaged || request.headers.range === undefined || piece.length < 1000) return piece;
        isDamaged = true;
        const changed = Buffer.from(piece);
        changed[500] = (changed[500] ?? 0) ^ 4;
        return changed;
      },
    );
    const transfer = fetchFile(via(proxy));
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries.map(({ code }) => code)).toEqual(["download_corrupt"]);
    expect(isThere()).toBe(true);
  });

  it("names the part that is bad every time, and leaves no file", async () => {
    const damaged = await through(
      () => undefined,
      (request, piece) => (request.headers.range?.startsWith("bytes=0-") ? flip(piece) : piece),
    );
    await expect(fetchFile(via(damaged)).done).rejects.toMatchObject({
      code: "download_corrupt",
      details: { index: 0 },
    });
    expect(existsSync(place.path("copy"))).toBe(false);
  });

  it("manages with a server that knows no ranges", async () => {
    const proxy = await through((request) => {
      delete request.headers.range;
      return undefined;
    });
    await fetchFile(via(proxy)).done;
    expect(isThere()).toBe(true);
  });

  it("takes no other range than the one it asked for", async () => {
    let times = 0;
    const proxy = await through((request) => {
      if (isPinned(request) && times++ === 0) request.headers.range = "bytes=1-4000";
      return undefined;
    });
    const transfer = fetchFile(via(proxy));
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries.map(({ code }) => code)).toEqual(["not_holdfast"]);
    expect(isThere()).toBe(true);
  });

  it("takes no encoded bytes, and none that end too early", async () => {
    const headers = { "holdfast-version": "1" };
    const gzip = answer(200, { ...headers, "content-encoding": "gzip" }, "zzz");
    const short = answer(200, headers, "only this");
    let times = 0;
    const proxy = await through((request) =>
      // Without a size: the first one is asked for once more by node:http, and so is every later one.
      isPinned(request) ? [gzip, gzip, short][times++] : undefined,
    );
    const transfer = fetchFile(via(proxy), { inFlight: 1 });
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries.map(({ code }) => code)).toEqual(["not_holdfast", "connection_failed"]);
    expect(isThere()).toBe(true);
  });

  it("pins every request to the one version", async () => {
    const proxy = await through(() => undefined);
    await fetchFile(via(proxy)).done;
    const asked = proxy.seen.filter(({ headers }) => headers.range !== undefined);
    const ranges = asked.filter(isPinned);
    // But the one that goes out before the version is known.
    expect(asked.length - ranges.length).toBe(1);
    expect(asked.filter(({ headers }) => headers["if-match"] === "*")).toHaveLength(1);
    expect(ranges.length).toBeGreaterThan(1);
    for (const { headers } of ranges) {
      expect(headers).toMatchObject({ "if-match": `"${root}"`, "accept-encoding": "identity" });
    }
  });

  it("needs one request for a small file beside its manifest, and two for one that is longer", async () => {
    const proxy = await through(() => undefined);
    const fetched = async (size: number) => {
      await put(size);
      const before = proxy.count("GET", "/v1/files");
      const options = { url: via(proxy), stateDir: place.stateDir };
      const path = place.path(`copy-${size}`);
      await downloadStill(createVirtualClock(), path, options).done;
      expect(place.read(`copy-${size}`).equals(bytes)).toBe(true);
      return proxy.count("GET", "/v1/files") - before;
    };
    expect(await fetched(4 * PART)).toBe(2);
    expect(await fetched(4 * PART + 1)).toBe(3);
  });

  it("takes no first bytes of another version than that of the manifest", async () => {
    const old = { url, bytes };
    await put(SIZE + 1);
    const proxy = await through((request) => {
      const isHead = request.headers.range && !isPinned(request);
      if (isHead) request.url = new URL(old.url).pathname;
      return undefined;
    });
    const transfer = fetchFile(via(proxy));
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries).toEqual([]);
    expect(isThere()).toBe(true);
  });

  it.each([
    ["refused", problem(503, "shutting_down")],
    ["encoded", answer(206, { "holdfast-version": "1", "content-encoding": "gzip" }, "zzz")],
    ["another range", answer(206, { "holdfast-version": "1", "content-range": "bytes 1-2/9" })],
  ])("does without its first bytes where they are %s", async (_, told) => {
    const proxy = await through((request) =>
      request.headers.range && !isPinned(request) ? told : undefined,
    );
    const transfer = fetchFile(via(proxy));
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries).toEqual([]);
    expect(isThere()).toBe(true);
  });

  it("goes on behind those of its first bytes that came before they were cut", async () => {
    const KEPT = 100_000;
    const proxy = await through((request) => {
      if (request.headers.range === undefined || isPinned(request)) return undefined;
      return (_, response) => {
        const range = `bytes 0-${KIB * KIB - 1}/${SIZE}`;
        const headers = { "content-range": range, "content-length": `${KIB * KIB}` };
        response.writeHead(206, { "holdfast-version": "1", etag: `"${root}"`, ...headers });
        response.write(bytes.subarray(0, KEPT), () => setTimeout(() => response.destroy(), 200));
      };
    });
    const transfer = fetchFile(via(proxy));
    await transfer.done;
    const [first] = proxy.seen.filter(isPinned);
    expect(first?.headers.range).toMatch(/^bytes=100000-/);
    expect(isThere()).toBe(true);
  });

  it("asks for no bytes beside the manifest where there is something to go on with", async () => {
    const broken = problem(412, "precondition_failed");
    let left = 2;
    const bad = await through((request) => (isPinned(request) && left-- <= 0 ? broken : undefined));
    await expect(fetchFile(via(bad)).done).rejects.toMatchObject({ code: "precondition_failed" });
    const proxy = await through(() => undefined);
    const { resumedBytes } = await fetchFile(via(proxy)).done;
    expect(resumedBytes).toBeGreaterThan(0);
    const asked = proxy.seen.filter(({ headers }) => headers.range !== undefined);
    expect(asked.every(isPinned)).toBe(true);
    expect(isThere()).toBe(true);
  });

  it("goes on behind answers that are shorter than what was asked for, as long as they bring something", async () => {
    const capped = (most: number) =>
      through((request) => {
        const [, from] = /^bytes=([0-9]+)-/.exec(request.headers.range ?? "") ?? [];
        if (from) request.headers.range = `bytes=${from}-${Number(from) + most - 1}`;
        return undefined;
      });
    const proxy = await capped(100_000);
    const transfer = fetchFile(via(proxy));
    const retries = record(transfer, "retry");
    await transfer.done;
    expect(retries).toEqual([]);
    expect(isThere()).toBe(true);
    rmSync(place.path("copy"));
    const stingy = await capped(10);
    const failed = fetchFile(via(stingy), { giveUpMs: 300 }).done;
    await expect(failed).rejects.toMatchObject({ code: "gave_up" });
  });

  it("takes an answer that trickles for one that stalls, and ends where nothing else comes", async () => {
    let isBad = true;
    const timers = new Set<NodeJS.Timeout>();
    const proxy = await through((request) => {
      if (!isPinned(request) || !isBad) return undefined;
      return (_, response) => {
        const [, from = "", to = ""] = /=([0-9]+)-([0-9]+)/.exec(request.headers.range ?? "") ?? [];
        const size = Number(to) + 1 - Number(from);
        const range = `bytes ${from}-${to}/${SIZE}`;
        const headers = { "content-range": range, "content-length": `${size}` };
        response.writeHead(206, { "holdfast-version": "1", etag: `"${root}"`, ...headers });
        let at = Number(from);
        timers.add(setInterval(() => response.write(bytes.subarray(at, ++at)), 50));
      };
    });
    const stopped = fetchFile(via(proxy), { stallMs: 500, giveUpMs: 1_000 }).done;
    await expect(stopped).rejects.toMatchObject({ code: "gave_up", details: { last: "stalled" } });
    const transfer = fetchFile(via(proxy), { stallMs: 500 });
    const retries = record(transfer, "retry");
    transfer.on("retry", () => {
      isBad = false;
    });
    await transfer.done;
    for (const timer of timers) clearInterval(timer);
    expect(new Set(retries.map(({ code }) => code))).toEqual(new Set(["stalled"]));
    expect(isThere()).toBe(true);
  });

  it("needs no state directory, but says so", async () => {
    writeFileSync(place.path("occupied"), "");
    const transfer = fetchFile(url, { stateDir: place.path("occupied") });
    const notices = record(transfer, "notice");
    await transfer.done;
    expect(notices.map(({ code }) => code)).toEqual(["checkpoint_failed"]);
    expect(isThere()).toBe(true);
  });

  it("never mixes two versions", async () => {
    const other = problem(412, "precondition_failed");
    let left = 1;
    const proxy = await through((request) =>
      request.headers.range !== undefined && left-- <= 0 ? other : undefined,
    );
    await expect(fetchFile(via(proxy)).done).rejects.toMatchObject({ code: "precondition_failed" });
    expect(existsSync(place.path("copy"))).toBe(false);
  });

  it("waits for a server that is away", async () => {
    const proxy = place.keep(await startProxy({ targetPort: server.port }));
    const transfer = fetchFile(via(proxy), { limitRate: 2 * SIZE });
    await next(transfer, "progress", ({ committed }) => committed > 0);
    await proxy.refuse();
    for (const connection of proxy.connections) connection.cut();
    await next(transfer, "retry", ({ waitMs }) => waitMs === 1000);
    await proxy.accept();
    await transfer.done;
    expect(isThere()).toBe(true);
  });
});

function flip(piece: Buffer): Buffer {
  return Buffer.from(piece.map((byte) => byte ^ 1));
}

describe("a download fails", () => {
  it("where there is no such file", async () => {
    const missing = url.replace(/[^/]+$/, "aaaaaaaaaaaaaaaaaaaaaaaaaa");
    await expect(fetchFile(missing).done).rejects.toMatchObject({ code: "file_not_found" });
  });

  it("where the manifest does not have its own root", async () => {
    const text = await (await fetch(`${url}/manifest`)).text();
    const changed = text.replace(
      /"root":"(.)/,
      (_, digit: string) => `"root":"${digit === "0" ? 1 : 0}`,
    );
    const lying = await through(
      // In chunks, so that it is asked for once more in another way.
      first(2, "GET", "/manifest", answer(200, { "holdfast-version": "1" }, changed)),
    );
    await expect(fetchFile(via(lying)).done).rejects.toMatchObject({ code: "download_corrupt" });
  });

  it("where its directory does not exist", async () => {
    const transfer = download(url, place.path("no/copy"), { stateDir: place.stateDir });
    await expect(transfer.done).rejects.toMatchObject({ code: "sink_failed" });
  });

  it("where another one is at it", async () => {
    const one = fetchFile(url, { limitRate: 3 * SIZE });
    await next(one, "created");
    await expect(fetchFile().done).rejects.toMatchObject({ code: "transfer_busy" });
    await one.done;
  });

  it("where it is aborted, and leaves nothing", async () => {
    const transfer = fetchFile(url, { limitRate: 3 * SIZE });
    await next(transfer, "progress", ({ committed }) => committed > 0);
    transfer.abort();
    await expect(transfer.done).rejects.toMatchObject({ code: "aborted" });
    expect(existsSync(working())).toBe(false);
    expect(existsSync(place.path("copy"))).toBe(false);
  });
});

describe("a download that is paused", () => {
  it("goes on, and what arrived in between is kept", async () => {
    const transfer = fetchFile(url, { limitRate: 3 * SIZE });
    await next(transfer, "progress", ({ committed }) => committed > 0);
    transfer.pause();
    expect(transfer.state).toBe("paused");
    transfer.resume();
    await transfer.done;
    expect(isThere()).toBe(true);
  });
});
