// The client for React Native, in Node: against a real server, with doubles for what only a device has. It was not run on a device.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@holdfast/server";
import { startProxy } from "@holdfast/testkit/proxy";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { makePlace, next, type Place, type Server } from "../node/testing/place.ts";
import { type ClientOptions, createClient } from "./index.ts";
import { DeviceXhr, fileOf, memoryStorage } from "./testing.ts";

const MIB = 1024 * 1024;

let place: Place;
let server: Server;

beforeEach(async () => {
  vi.stubGlobal("XMLHttpRequest", DeviceXhr);
  place = makePlace(serve);
  server = await place.serve();
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await place.clear();
});

const deviceOf = (more: Partial<ClientOptions> = {}): ClientOptions => ({
  storage: memoryStorage(),
  ...more,
});

async function contentOf(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

it("uploads a file of the device, and a small one, and an empty one, digested by the app", async () => {
  const digested: number[] = [];
  const client = createClient(
    deviceOf({
      async sha256(bytes) {
        digested.push(bytes.length);
        return new Uint8Array(createHash("sha256").update(bytes).digest()).buffer;
      },
    }),
  );
  for (const size of [3 * MIB + 17, 1000, 0]) {
    const bytes = randomBytes(size);
    const { url } = await client.upload(fileOf(bytes, `${size}`), { to: server.url }).done;
    expect(await contentOf(url)).toEqual(bytes);
    expect((await fetch(url)).headers.get("content-type")).toBe("video/quicktime");
  }
  expect(digested.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(3 * MIB + 17);
  expect(await client.unfinished()).toEqual([]);
});

it("goes on in the next life of the app, with what that needs from its storage alone", async () => {
  const bytes = randomBytes(6 * MIB);
  const device = deviceOf({ inFlight: 1 });
  const first = createClient(device);
  const options = { to: server.url, partSize: MIB / 4, metadata: new Map([["album", "7"]]) };
  const begun = first.upload(fileOf(bytes), options);
  await next(begun, "part");
  await begun.pause();
  // The app was ended: nothing of its memory is left but what it stored.
  const storage = memoryStorage();
  if ("entries" in device.storage && device.storage.entries instanceof Map)
    for (const [key, value] of device.storage.entries) storage.entries.set(key, value);
  const second = createClient({ storage });
  const [one] = await second.unfinished();
  expect(one).toMatchObject({ path: "videos/1.mov", size: bytes.length, to: server.url });
  const again = second.upload(fileOf(bytes), options);
  const created = next(again, "created");
  const { url, bytesSent } = await again.done;
  expect((await created).isResumed).toBe(true);
  expect(bytesSent).toBeLessThan(bytes.length);
  expect(await contentOf(url)).toEqual(bytes);
  expect(await second.unfinished()).toEqual([]);
  begun.abort();
  await expect(begun.done).rejects.toMatchObject({ code: "aborted" });
});

it("goes on over a line that is cut", async () => {
  const bytes = randomBytes(4 * MIB);
  const proxy = place.keep(
    await startProxy({
      targetPort: server.port,
      fate: (index) =>
        index < 4 ? { kind: "cut", afterBytes: 300_000 + index * 200_000 } : { kind: "well" },
    }),
  );
  const client = createClient(deviceOf());
  const transfer = client.upload(fileOf(bytes), { to: proxy.url, partSize: MIB / 4 });
  // Somebody looks at the app: it tries at once.
  transfer.on("retry", () => client.hint());
  const { url } = await transfer.done;
  expect(await contentOf(url)).toEqual(bytes);
});

it("goes on where the system gives a request up by a limit of its own", async () => {
  const given: string[] = [];
  class Limited extends DeviceXhr {
    override send(body: Uint8Array<ArrayBuffer> | null): void {
      given.push("request");
      if (given.length === 3) setTimeout(() => this.ontimeout?.());
      else super.send(body);
    }
  }
  vi.stubGlobal("XMLHttpRequest", Limited);
  const bytes = randomBytes(2 * MIB);
  const { url } = await createClient(deviceOf()).upload(fileOf(bytes), { to: server.url }).done;
  expect(given.length).toBeGreaterThan(3);
  expect(await contentOf(url)).toEqual(bytes);
});

it("says what became of a file, and begins anew with one that is another", async () => {
  const bytes = randomBytes(2 * MIB);
  const client = createClient(deviceOf());
  const unreadable = {
    ...fileOf(bytes),
    read: () => Promise.reject(new Error("the photo is in the cloud")),
  };
  await expect(client.upload(unreadable, { to: server.url }).done).rejects.toMatchObject({
    code: "source_unreadable",
    message: expect.stringContaining("the photo is in the cloud"),
  });
  const short = { ...fileOf(bytes, "short"), read: () => new Uint8Array(5) };
  await expect(client.upload(short, { to: server.url }).done).rejects.toMatchObject({
    code: "source_changed",
    message: expect.stringMatching(/^1\.mov has 5 bytes where it had \d+$/),
  });
  const gone = { ...fileOf(bytes, "gone"), look: async () => undefined };
  await expect(client.upload(gone, { to: server.url }).done).rejects.toMatchObject({
    code: "source_gone",
  });
  const changed = {
    ...fileOf(bytes, "changed"),
    look: async () => ({ size: bytes.length, lastModified: 5 }),
  };
  await expect(client.upload(changed, { to: server.url }).done).rejects.toMatchObject({
    code: "source_changed",
  });
});

it("takes no answer from where the system was led to", async () => {
  const portal = createServer((request, response) => {
    if (request.url === "/login") return response.end("<h1>Welcome</h1>");
    return response.writeHead(302, { location: "/login" }).end();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => portal.once("listening", resolve));
  const { port } = portal.address() as AddressInfo;
  const client = createClient(deviceOf());
  const bytes = randomBytes(100);
  const transfer = client.upload(fileOf(bytes), { to: `http://127.0.0.1:${port}` });
  const told = await Promise.race([next(transfer, "retry"), transfer.done.catch((error) => error)]);
  expect(told.code).not.toBe(undefined);
  expect(transfer.state).not.toBe("complete");
  transfer.abort();
  await transfer.done.catch(() => undefined);
  portal.close();
  portal.closeAllConnections();
});

it("forgets one, and goes on without storage, which it tells", async () => {
  const bytes = randomBytes(3 * MIB);
  const device = deviceOf({ inFlight: 1 });
  const client = createClient(device);
  const begun = client.upload(fileOf(bytes), { to: server.url, partSize: MIB / 4 });
  await next(begun, "part");
  const [running] = await client.unfinished();
  expect(running?.holder).toEqual({ pid: undefined });
  if (running) {
    await expect(client.forget(running)).rejects.toMatchObject({ code: "transfer_busy" });
  }
  begun.abort();
  await begun.done.catch(() => undefined);
  for (const one of await client.unfinished()) await client.forget(one);
  expect(await client.unfinished()).toEqual([]);

  const full = {
    ...memoryStorage(),
    setItem: () => Promise.reject(new Error("SQLITE_FULL")),
  };
  const without = createClient(deviceOf({ storage: full }));
  const transfer = without.upload(fileOf(bytes), { to: server.url });
  const warned = next(transfer, "notice", ({ code }) => code === "checkpoint_failed");
  const { url } = await transfer.done;
  expect((await warned).detail).toContain("SQLITE_FULL");
  expect(await contentOf(url)).toEqual(bytes);
});

it("has one file of a small one however often this device sends it, and another one of another device", async () => {
  const bytes = randomBytes(1000);
  const storage = memoryStorage();
  const ids: string[] = [];
  // Its checkpoint is lost, as by a crash between the answer and that: only the request itself says that it is the same.
  for (const device of [storage, storage, memoryStorage()]) {
    for (const key of await device.getAllKeys()) {
      if ((await device.getItem(key))?.includes("uploadId")) await device.removeItem(key);
    }
    const client = createClient({ storage: device });
    const { url } = await client.upload(fileOf(bytes), { to: server.url }).done;
    ids.push(url);
  }
  const [first, second, other] = ids;
  expect(second).toBe(first);
  expect(other).not.toBe(first);
});

it("names what the engine lacks before anything begins, and which module has it", () => {
  vi.stubGlobal("URL", class {});
  vi.stubGlobal("XMLHttpRequest", undefined);
  Reflect.deleteProperty(globalThis, "XMLHttpRequest");
  const lacking = () => createClient(deviceOf());
  expect(lacking).toThrow(/URL \(from react-native-url-polyfill\/auto\), XMLHttpRequest/);
  const { TextDecoder: whole } = globalThis;
  class Whole {
    decode(bytes: Uint8Array, options?: { readonly stream: boolean }): string {
      if (options) throw new Error("the 'stream' option is unsupported");
      return new whole().decode(bytes);
    }
  }
  vi.stubGlobal("TextDecoder", Whole);
  expect(lacking).toThrow(/TextDecoder \(from text-encoding-polyfill\)/);
  vi.stubGlobal("TextDecoder", whole);
  vi.stubGlobal("crypto", {});
  vi.stubGlobal("XMLHttpRequest", DeviceXhr);
  vi.stubGlobal("URL", URL_THERE);
  expect(lacking).toThrow(/getRandomValues/);
  expect(createClient(deviceOf({ randomBytes: (size) => randomBytes(size) }))).toBeDefined();
});

const URL_THERE = URL;
