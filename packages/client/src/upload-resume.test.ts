import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  openSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError, KIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { type Interposer, interpose, problem } from "@holdfast/testkit/interposer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCheckpointStore } from "./node/checkpoint.ts";
import { download, upload } from "./node/index.ts";
import { systemClock, systemDigester, systemRandom } from "./node/platform.ts";
import { openFileSource } from "./node/source.ts";
import { makePlace, next, type Place, record, type Server } from "./node/testing/place.ts";
import { uploadStill } from "./node/testing/still.ts";
import { createNodeTransport } from "./node/transport.ts";
import type { CheckpointStore, Ports } from "./ports.ts";
import { ALONE } from "./share.ts";
import { startUpload } from "./upload.ts";

const PART = 256 * KIB;
const SIZE = 24 * PART + 99;

let place: Place;
let server: Server;
let proxy: Interposer;
/** While it is set, the server seems to refuse everything: a transfer fails as if its process had died, and leaves all that it has. */
let isClosed = false;

beforeEach(async () => {
  isClosed = false;
  place = makePlace(serve);
  server = await place.serve();
  proxy = place.keep(
    await interpose(server.url, () => (isClosed ? problem(403, "forbidden") : undefined)),
  );
});
afterEach(() => place.clear());

function send(path: string, limitRate?: number) {
  const options = { to: proxy.url, stateDir: place.stateDir, partSize: PART };
  return upload(path, limitRate === undefined ? options : { ...options, limitRate });
}

function checkpointsOf(): CheckpointStore {
  const now = () => systemClock.now();
  return createCheckpointStore({ directory: place.stateDir, now });
}

function portsOf(): Ports {
  return {
    transport: createNodeTransport(),
    checkpoints: checkpointsOf(),
    clock: systemClock,
    random: systemRandom,
    digester: systemDigester,
    share: ALONE,
    lines: new Map(),
    place: async () => "here",
  };
}

/** Sends a part of a file; resolves with the address of its upload. */
async function sendSome(path: string): Promise<string> {
  isClosed = false;
  const transfer = send(path, 3 * SIZE);
  const created = next(transfer, "created");
  await next(transfer, "progress", ({ committed }) => committed >= 4 * PART);
  isClosed = true;
  await expect(transfer.done).rejects.toMatchObject({ code: "forbidden" });
  isClosed = false;
  return (await created).url;
}

async function stateOf(url: string): Promise<unknown> {
  const view: unknown = await (await fetch(url)).json();
  return typeof view === "object" && view !== null && "state" in view ? view.state : undefined;
}

async function expectSame(url: string, bytes: Buffer): Promise<void> {
  await download(url, place.path("back"), { stateDir: place.stateDir }).done;
  expect(place.read("back").equals(bytes)).toBe(true);
}

/** Changes one byte and makes the file look as if nothing had happened. */
function changeSecretly(path: string, at: number): void {
  const { atime, mtime } = statSync(path);
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]), 0, 8, at);
  closeSync(descriptor);
  utimesSync(path, atime, mtime);
}

/** A time of change that a file system can store exactly, so that it can be set again. */
function makeFile(): { readonly path: string; readonly bytes: Buffer } {
  const file = place.file("f", SIZE);
  utimesSync(file.path, 1_700_000_000, 1_700_000_000);
  return file;
}

describe("the same upload again", () => {
  it("sends only what is missing", async () => {
    const { path, bytes } = makeFile();
    const url = await sendSome(path);
    // What was in flight may arrive all the same: once the server has ended, it has or never will.
    await server.close();
    server = await place.serve({ port: server.port });
    const options = { to: proxy.url, stateDir: place.stateDir, partSize: PART };
    // By the time of day a last part that is late would be sent again.
    const transfer = uploadStill(createVirtualClock(), path, options);
    const created = record(transfer, "created");
    const result = await transfer.done;
    const id = url.split("/").at(-1);
    expect(created).toMatchObject([{ id, url, size: SIZE, isResumed: true }]);
    // A day after the last commit, by the server's clock: ours stands at another time.
    expect(created[0]?.expiresInMs).toBeGreaterThan(23 * 3_600_000);
    expect(created[0]?.expiresInMs).toBeLessThanOrEqual(24 * 3_600_000 + 1_000);
    expect(result.resumedBytes).toBeGreaterThanOrEqual(4 * PART);
    expect(result.bytesSent).toBe(SIZE - result.resumedBytes);
    expect(result.bytesCommitted).toBe(SIZE);
    await expectSame(result.url, bytes);
  });

  it("begins a new one where the source was written to since, and removes the old one", async () => {
    const { path } = makeFile();
    const url = await sendSome(path);
    const { bytes } = place.file("f", SIZE);
    const transfer = send(path);
    const notices = record(transfer, "notice");
    const result = await transfer.done;
    expect(notices.map(({ code }) => code)).toEqual(["source_changed"]);
    expect(result.resumedBytes).toBe(0);
    expect(await stateOf(url)).toBe("aborted");
    await expectSame(result.url, bytes);
  });

  it("begins a new one where the source changed without a trace, and removes the old one", async () => {
    const { path } = makeFile();
    const url = await sendSome(path);
    changeSecretly(path, 5);
    const transfer = send(path);
    const notices = record(transfer, "notice");
    const result = await transfer.done;
    expect(notices.map(({ code }) => code)).toEqual(["source_changed"]);
    expect(result.resumedBytes).toBe(0);
    expect(await stateOf(url)).toBe("aborted");
    await expectSame(result.url, place.read("f"));
  });

  it("compares every part where size and time were set back, however few bytes differ", async () => {
    const { path } = makeFile();
    const url = await sendSome(path);
    // Neither the first of the committed parts nor the last, which every sample has in it.
    changeSecretly(path, PART);
    const transfer = send(path);
    const notices = record(transfer, "notice");
    const result = await transfer.done;
    expect(notices.map(({ code }) => code)).toEqual(["source_changed"]);
    expect(await stateOf(url)).toBe("aborted");
    await expectSame(result.url, place.read("f"));
  });

  it("is another one where the bytes changed after it was complete and the time was set back", async () => {
    const { path } = makeFile();
    const first = await send(path).done;
    changeSecretly(path, 5 * PART);
    const again = await send(path).done;
    expect(again.url).not.toBe(first.url);
    await expectSame(again.url, place.read("f"));
  });

  describe("of a source that only its size and time tell from another, as in a browser", () => {
    const sendAsPage = (path: string) => {
      const ports = portsOf();
      // A sample draws three words, and so has nothing in it but the first and the last of the committed parts.
      const random = {
        bytes: (size: number) => (size === 12 ? new Uint8Array(size) : systemRandom.bytes(size)),
      };
      const open = async () => {
        const source = await openFileSource(path);
        const { size, mtimeMs } = source.fingerprint;
        return { ...source, fingerprint: { size, mtimeMs, ctimeMs: mtimeMs, ino: 0 } };
      };
      const options = { to: proxy.url, partSize: PART, limitRate: 3 * SIZE };
      return startUpload(open, options, { ...ports, random });
    };

    async function sendSomeAsPage(path: string): Promise<string> {
      const transfer = sendAsPage(path);
      const created = next(transfer, "created");
      await next(transfer, "progress", ({ committed }) => committed >= 4 * PART);
      isClosed = true;
      await expect(transfer.done).rejects.toMatchObject({ code: "forbidden" });
      isClosed = false;
      return (await created).url;
    }

    it("is of none of its bytes where some differ that no sample had", async () => {
      const { path } = makeFile();
      const url = await sendSomeAsPage(path);
      changeSecretly(path, PART);
      const transfer = sendAsPage(path);
      const notices = record(transfer, "notice");
      const result = await transfer.done;
      expect(notices.map(({ code }) => code)).toEqual(["source_changed"]);
      expect(await stateOf(url)).toBe("aborted");
      await expectSame(result.url, place.read("f"));
    });

    it("is another one where such bytes changed after it was complete", async () => {
      const { path } = makeFile();
      const first = await sendAsPage(path).done;
      changeSecretly(path, 5 * PART);
      const again = await sendAsPage(path).done;
      expect(again.url).not.toBe(first.url);
      await expectSame(again.url, place.read("f"));
    });

    it("goes on where nothing has changed", async () => {
      const { path, bytes } = makeFile();
      await sendSomeAsPage(path);
      const result = await sendAsPage(path).done;
      expect(result.resumedBytes).toBeGreaterThanOrEqual(4 * PART);
      await expectSame(result.url, bytes);
      expect(await sendAsPage(path).done).toMatchObject({ url: result.url, bytesSent: 0 });
    });
  });

  it("goes on where only the rights of the file were changed", async () => {
    const { path, bytes } = makeFile();
    await sendSome(path);
    chmodSync(path, 0o600);
    const result = await send(path).done;
    expect(result.resumedBytes).toBeGreaterThanOrEqual(4 * PART);
    await expectSame(result.url, bytes);
  });

  it("leaves what another one has begun alone where it is aborted before it has the claim", async () => {
    const { path } = makeFile();
    await sendSome(path);
    const ports = portsOf();
    const abortedEarly = startUpload(
      () => openFileSource(path),
      { to: proxy.url },
      {
        ...ports,
        checkpoints: {
          ...ports.checkpoints,
          async claim() {
            abortedEarly.abort();
            throw new HoldfastError("transfer_busy");
          },
        },
      },
    );
    await expect(abortedEarly.done).rejects.toMatchObject({ code: "aborted" });
    expect(countCheckpoints()).toBe(1);
  });

  it("can be sent once more after its source could not be closed", async () => {
    const { path } = makeFile();
    const open = async () => {
      const source = await openFileSource(path);
      const close = async () => {
        await source.close();
        throw new Error("not closed");
      };
      return { ...source, close };
    };
    await startUpload(open, { to: proxy.url }, portsOf()).done;
    expect(await send(path).done).toMatchObject({ bytesSent: 0 });
  });

  it("begins a new one where the old one is gone", async () => {
    const { path, bytes } = makeFile();
    const url = await sendSome(path);
    await fetch(url, { method: "DELETE" });
    const transfer = send(path);
    const notices = record(transfer, "notice");
    const result = await transfer.done;
    expect(notices.map(({ code }) => code)).toEqual(["upload_not_found"]);
    expect(result.resumedBytes).toBe(0);
    await expectSame(result.url, bytes);
  });

  it("finds out that it was complete already", async () => {
    const { path, bytes } = makeFile();
    const url = await sendSome(path);
    // The rest by another hand, as if the client had died with the last answer on its way.
    expect(await finishByHand(url, bytes)).toBe("complete");
    const result = await send(path).done;
    expect(result).toMatchObject({ bytesSent: 0, bytesCommitted: SIZE, resumedBytes: SIZE });
    await expectSame(result.url, bytes);
  });

  it("goes on without a checkpoint that it cannot read", async () => {
    const { path, bytes } = makeFile();
    await sendSome(path);
    writeFileSync(`${place.stateDir}/checkpoints.sqlite`, Buffer.alloc(9000, 7));
    const result = await send(path).done;
    expect(result.resumedBytes).toBe(0);
    await expectSame(result.url, bytes);
  });

  it("has the same result once it is complete, and sends nothing", async () => {
    const { path } = makeFile();
    const first = await send(path).done;
    const again = await send(path).done;
    expect(again).toMatchObject({ url: first.url, root: first.root, bytesSent: 0 });
    expect(countCheckpoints()).toBe(1);
  });

  it("is another one where the file was written to after it was complete", async () => {
    const { path } = makeFile();
    const first = await send(path).done;
    const { bytes } = place.file("f", SIZE);
    const again = await send(path).done;
    expect(again.url).not.toBe(first.url);
    await expectSame(again.url, bytes);
  });

  it("waits for nobody: a second one at the same time is refused", async () => {
    const { path } = makeFile();
    const transfer = send(path, 2 * SIZE);
    await next(transfer, "created");
    await expect(send(path).done).rejects.toMatchObject({ code: "transfer_busy" });
    await transfer.done;
  });
});

function countCheckpoints(): number {
  const database = new DatabaseSync(`${place.stateDir}/checkpoints.sqlite`);
  // What is remembered of the line lies beside them, as JSON.
  const uploads = "SELECT count(*) AS n FROM checkpoints WHERE value NOT LIKE '{%'";
  const row = database.prepare(uploads).get();
  database.close();
  return Number(row?.["n"]);
}

/** Sends every missing part and completes, by plain requests. */
async function finishByHand(url: string, bytes: Buffer): Promise<unknown> {
  for (let index = 0; index * PART < bytes.length; index++) {
    const body = bytes.subarray(index * PART, (index + 1) * PART);
    const digest = createHash("sha256").update(body).digest("base64");
    await fetch(`${url}/parts/${index}`, {
      method: "PUT",
      headers: { "content-digest": `sha-256=:${digest}:` },
      body: new Uint8Array(body),
    });
  }
  const headers = { "content-type": "application/json" };
  await fetch(`${url}/complete`, { method: "POST", headers, body: "{}" });
  return stateOf(url);
}
