// A source with memory of its own: what is sent comes from the source again, and its memory goes back early, and always.
import { randomBytes } from "node:crypto";
import { openAsBlob, utimesSync } from "node:fs";
import { KIB, MIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { startProxy } from "@holdfast/testkit/proxy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sizeOf } from "./body.ts";
import { nodePorts } from "./node/client.ts";
import { download } from "./node/index.ts";
import { makePlace, type Place, record } from "./node/testing/place.ts";
import type { Source, Transport } from "./ports.ts";
import { rememberLine } from "./recall.ts";
import { ALONE, createShare } from "./share.ts";
import { startUpload } from "./upload.ts";

let place: Place;
beforeEach(() => {
  place = makePlace(serve);
});
afterEach(() => place.clear());

/** Counts what of its memory is in use; what is given back is overwritten. */
function ownMemory(bytes: Uint8Array<ArrayBuffer>) {
  const blob = new Blob([bytes]);
  const used = { now: 0, loads: 0 };
  const source: Source = {
    name: "blob",
    identity: "blob",
    fingerprint: { size: bytes.length, mtimeMs: 1, ctimeMs: 1, ino: 0 },
    read: () => Promise.reject(new Error("nobody reads into other memory")),
    async load(offset, size) {
      const body = blob.slice(offset, offset + size);
      const loaded = new Uint8Array(await body.arrayBuffer());
      used.now += size;
      used.loads++;
      const free = () => {
        loaded.fill(0);
        used.now -= size;
      };
      return { bytes: loaded, body, free };
    },
    isChanged: async () => false,
    close: async () => undefined,
  };
  return { source, used };
}

async function send(bytes: Uint8Array<ArrayBuffer>, to: string) {
  const { source, used } = ownMemory(bytes);
  const ports = { ...nodePorts(place.stateDir), share: ALONE };
  const { url } = await startUpload(async () => source, { to, inFlight: 3 }, ports).done;
  return { url, used };
}

async function isBack(url: string, bytes: Uint8Array): Promise<boolean> {
  await download(url, place.path("back"), { stateDir: place.stateDir }).done;
  return place.read("back").equals(bytes);
}

describe("a source with memory of its own", () => {
  it.each([
    ["in one request", 4 * KIB],
    ["in runs of parts", 40 * MIB + 5],
  ])("arrives as it is, and has all of its memory back: %s", async (_, size) => {
    const server = await place.serve();
    const bytes = Uint8Array.from(randomBytes(size));
    const { url, used } = await send(bytes, server.url);
    expect(used).toMatchObject({ now: 0 });
    expect(used.loads).toBeGreaterThan(0);
    expect(await isBack(url, bytes)).toBe(true);
  });

  it("has it back where connections are cut too", async () => {
    const server = await place.serve();
    const bytes = Uint8Array.from(randomBytes(20 * MIB));
    const proxy = place.keep(
      await startProxy({
        targetPort: server.port,
        fate: (index) =>
          index < 6 ? { kind: "cut", afterBytes: (1 + index) * MIB } : { kind: "well" },
      }),
    );
    const { url, used } = await send(bytes, proxy.url);
    expect(used.now).toBe(0);
    expect(await isBack(url.replace(proxy.url, server.url), bytes)).toBe(true);
  });

  it("is read anew where what stands for it cannot be read while it is sent", async () => {
    const server = await place.serve();
    const bytes = Uint8Array.from(randomBytes(MIB));
    const { source, used } = ownMemory(bytes);
    const { path } = place.file("touched", MIB);
    const touched = await openAsBlob(path);
    utimesSync(path, 1, 1);
    const stale: Source = {
      ...source,
      async load(offset, size) {
        const loaded = await source.load?.(offset, size);
        if (!loaded) throw new Error("nothing was loaded");
        return used.loads > 1 ? loaded : { ...loaded, body: touched };
      },
    };
    const ports = { ...nodePorts(place.stateDir), share: ALONE };
    const transfer = startUpload(async () => stale, { to: server.url, partSize: MIB }, ports);
    const retries = record(transfer, "retry");
    const { url } = await transfer.done;
    expect(retries).toMatchObject([{ code: "connection_failed" }]);
    expect(used.now).toBe(0);
    expect(await isBack(url, bytes)).toBe(true);
  });

  it("goes out in runs that fit into the memory of all of them", async () => {
    const server = await place.serve();
    const bytes = Uint8Array.from(randomBytes(24 * MIB));
    const { source } = ownMemory(bytes);
    const sizes: number[] = [];
    const own = nodePorts(place.stateDir);
    let asked = 0;
    // As that of several tabs, which do not know of each other at once.
    const memory = () => (asked++ === 0 ? 32 * MIB : 2 * MIB + 1);
    const share = createShare(own.clock, { inFlight: 2, memory });
    const transport: Transport = {
      ...own.transport,
      request(request) {
        if (request.method === "PUT" && request.body) sizes.push(sizeOf(request.body));
        return own.transport.request(request);
      },
    };
    const options = { to: server.url, partSize: 256 * KIB };
    await startUpload(async () => source, options, { ...own, transport, share }).done;
    expect(Math.max(...sizes)).toBe(2 * MIB);
  });

  it.each([
    ["in runs of parts", "PUT", 24 * MIB, undefined],
    ["in one request", "POST", 4 * KIB, undefined],
    ["as appends", "PATCH", 3 * MIB, { inFlight: 1, rate: 50 * KIB, cutEvery: 50 * KIB }],
  ])("needs none of it while it is on the line: %s", async (_, method, size, known) => {
    const server = await place.serve();
    const bytes = Uint8Array.from(randomBytes(size));
    const { source, used } = ownMemory(bytes);
    const inUse: number[] = [];
    const ports = { ...nodePorts(place.stateDir), share: ALONE };
    if (known) await rememberLine(ports, "up", server.url, known);
    const transport: Transport = {
      ...ports.transport,
      request(request) {
        if (request.method === method && request.body) inUse.push(used.now);
        return ports.transport.request(request);
      },
    };
    const options = { to: server.url, inFlight: 1 };
    await startUpload(async () => source, options, { ...ports, transport }).done;
    expect(new Set(inUse)).toEqual(new Set([0]));
  });
});
