// Many who follow an upload on a real disk: the kernel sends them what is committed, and each has the same bytes as if it had not, in chunks or without, with a connection that is full or not.
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SendStored } from "@holdfast/engine";
import { decodeUpload, KIB, MIB, type UploadView } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createDiskStorage, type DiskStorage } from "../../storage/disk/index.ts";
import { ask, askJson, declines, startTestServer, type TestServer } from "../server.fixture.ts";

/** More than both kernels keep of a connection. */
const CONTENT = Buffer.from(createRandom("many").bytes(12 * MIB + 777));
const SIZE = CONTENT.length;

let directory: string;
let storage: DiskStorage;
let server: TestServer;
let went = 0;

const send: SendStored = async (object, range, outlet, state) => {
  const size = await storage.send(object, range, outlet, state);
  if (state === "growing") went += size ?? 0;
  return size;
};

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-many-"));
  storage = await createDiskStorage({ directory });
  server = await startTestServer({ parts: { storage, send, metadata: createMemoryMetadata() } });
  went = 0;
});
afterEach(async () => {
  await server.close();
  await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

async function begin(): Promise<UploadView> {
  const body = { name: "a", type: "video/webm", size: SIZE, partSize: 256 * KIB };
  return decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
}

async function append(view: UploadView, start: number, end: number): Promise<void> {
  const headers = {
    "content-type": "application/partial-upload",
    "upload-offset": `${start}`,
    "upload-complete": end === SIZE ? "?1" : "?0",
  };
  const path = `/v1/uploads/${view.id}`;
  const body = CONTENT.subarray(start, end);
  const { status } = await ask(server, { method: "PATCH", path, headers, body });
  expect(status).toBeLessThan(300);
}

interface Follower {
  readonly response: IncomingMessage;
  readonly got: () => number;
  readonly all: Promise<Buffer>;
}

async function follow(view: UploadView, headers: Record<string, string> = {}): Promise<Follower> {
  const path = `/v1/uploads/${view.id}/content?follow=1`;
  const options = { host: "127.0.0.1", port: server.port, path, headers, agent: false as const };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(options).on("response", resolve).on("error", reject).end();
  });
  const pieces: Buffer[] = [];
  let got = 0;
  const all = new Promise<Buffer>((resolve, reject) => {
    response.on("data", (piece: Buffer) => {
      got += piece.length;
      pieces.push(piece);
    });
    response.on("end", () => resolve(Buffer.concat(pieces))).on("error", reject);
  });
  // Looked at later, or never where a test fails before.
  all.catch(() => undefined);
  return { response, got: () => got, all };
}

describe.skipIf(declines("fetch", "a host's own replies never go past it"))(
  "many followers",
  () => {
    it.each([
      ["in chunks", {}],
      ["of a range", { range: `bytes=5-${SIZE - 1}` }],
      ["of a range that is told beforehand", { range: `bytes=5-${SIZE - 2}` }],
    ])(
      "have what is committed, whatever its borders: %s",
      async (_, headers: Record<string, string>) => {
        const view = await begin();
        const followers = await Promise.all(Array.from({ length: 6 }, () => follow(view, headers)));
        const random = createRandom("borders");
        for (let at = 0; at < SIZE; ) {
          const end = Math.min(SIZE, at + 1 + random.whole(900 * KIB));
          await append(view, at, end);
          at = end;
          if (random.chance(0.3))
            await expect.poll(() => followers[0]?.got() ?? 0).toBeGreaterThan(at - 10);
        }
        const [start, end = SIZE - 1] = (headers["range"] ?? "bytes=0-")
          .slice(6)
          .split("-")
          .map(Number);
        for (const { all } of followers) {
          expect((await all).equals(CONTENT.subarray(start, (end || SIZE - 1) + 1))).toBe(true);
        }
        expect(went > 0).toBe(process.platform === "linux" && storage.caching === "direct");
      },
    );

    it("of which some stop for a while go on where they were, amid what was begun", async () => {
      const view = await begin();
      const followers = await Promise.all(Array.from({ length: 6 }, () => follow(view)));
      const [slow, slower] = followers;
      slow?.response.pause();
      slower?.response.pause();
      const end = 12 * MIB;
      for (let at = 0; at < end; at += MIB) await append(view, at, at + MIB);
      for (const { got } of followers.slice(2)) await expect.poll(got).toBeGreaterThanOrEqual(end);
      expect(slow?.got()).toBeLessThan(end);
      slow?.response.resume();
      await append(view, end, SIZE);
      slower?.response.resume();
      for (const { all } of followers) expect((await all).equals(CONTENT)).toBe(true);
    });

    it("are cut off amid a chunk where there will be no file", async () => {
      const view = await begin();
      const followers = await Promise.all(Array.from({ length: 6 }, () => follow(view)));
      await append(view, 0, 3 * MIB);
      for (const { got } of followers) await expect.poll(got).toBe(3 * MIB);
      await ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}` });
      for (const { all } of followers) await expect(all).rejects.toThrow();
    });
  },
);
