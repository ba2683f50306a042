// What is missing of an upload, signed for somebody else who sends it: by a server's own addresses, and straight to a store. Nobody sends it again afterwards.
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ErrorCode, HoldfastError, KIB, MIB } from "@holdfast/protocol";
import { type RunningServer, serve } from "@holdfast/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SignedPart } from "../../packages/client/src/direct/sign-rest.ts";
import { nodePorts } from "../../packages/client/src/node/client.ts";
import { openFileSource } from "../../packages/client/src/node/source.ts";
import { next } from "../../packages/client/src/node/testing/place.ts";
import type { Ports } from "../../packages/client/src/ports.ts";
import { ALONE } from "../../packages/client/src/share.ts";
import { startUpload, type Upload, type UploadOptions } from "../../packages/client/src/upload.ts";
import { brought, type Direct, startDirect } from "../kit/direct.ts";
import { type Content, writeContent } from "../kit/source.ts";
import { servedDifference } from "../kit/wire.ts";

let directory = "";
let own: RunningServer;
let direct: Direct;
let files = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
  direct = await startDirect(directory);
  own = await serve({ dataDir: join(directory, "own"), port: 0, log: () => undefined });
});
afterAll(async () => {
  await direct.close();
  await own.close();
  await rm(directory, { recursive: true });
});

/** One that brings no part by itself before it is let go. */
function startHeld(path: string, options: UploadOptions) {
  const ports: Ports = { ...nodePorts(join(directory, "state")), share: ALONE };
  const puts: string[] = [];
  let isHeld = true;
  let isRefused = false;
  const transport: Ports["transport"] = {
    ...ports.transport,
    async request(one) {
      if (isRefused) throw new HoldfastError("unauthorized");
      if (one.method === "PUT" && isHeld) {
        const { promise, reject } = Promise.withResolvers<never>();
        one.signal.addEventListener("abort", () => reject(one.signal.reason));
        await promise;
      }
      if (one.method === "PUT") puts.push(one.url);
      return ports.transport.request(one);
    },
  };
  const upload = startUpload(() => openFileSource(path), options, { ...ports, transport });
  const letGo = () => {
    isHeld = false;
  };
  /** As a page that is gone: what it has on the server stays, its claim does not. */
  async function go(): Promise<void> {
    isRefused = true;
    upload.resume();
    await expect(upload.done).rejects.toMatchObject({ code: "unauthorized" });
  }
  return { upload, puts, letGo, go };
}

async function write(size: number): Promise<{ readonly path: string; readonly content: Content }> {
  const content = { seed: 900 + ++files, size };
  const path = join(directory, `source-${files}`);
  await writeContent(path, content);
  return { path, content };
}

/** As a browser does it: as it was signed, with the part as the body. */
async function bring(parts: readonly SignedPart[], path: string): Promise<void> {
  const source = await openFileSource(path);
  for (const { url, method, headers, offset, size } of parts) {
    const body = new Uint8Array(size);
    await source.read(offset, body);
    const { status } = await fetch(url, { method, headers, body });
    expect(status).toBe(200);
  }
  await source.close();
}

async function codeOf(signing: Promise<unknown>): Promise<ErrorCode | "none"> {
  return signing.then(
    () => "none",
    ({ code }) => code,
  );
}

const rest = (upload: Upload) => upload.signRest(() => true);

describe("the rest of an upload, signed for somebody else", () => {
  const PART = 256 * KIB;

  it("is every missing part once, for a day, in few questions", async () => {
    const { path, content } = await write(130 * PART - 9);
    const { upload, puts, letGo } = startHeld(path, { to: own.url, partSize: PART });
    await next(upload, "created");
    const parts = await rest(upload);
    expect(upload.state).toBe("paused");
    expect(parts.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 130 }, (_, index) => index * PART),
    );
    expect(parts.reduce((bytes, { size }) => bytes + size, 0)).toBe(content.size);
    for (const { url } of parts) {
      const query = new URL(url).searchParams;
      expect(Number(query.get("exp")) - Number(query.get("iat"))).toBe(86_400);
    }
    // Some that the browser did not bring are sent by ourselves.
    await bring(parts.slice(0, 100), path);
    expect(await rest(upload)).toHaveLength(30);
    await bring(parts.slice(100), path);
    letGo();
    upload.resume();
    const { url } = await upload.done;
    expect(puts).toEqual([]);
    expect(await servedDifference(own.url, new URL(url).pathname, content)).toBeUndefined();
    expect(await codeOf(rest(upload))).toBe("background_unsupported");
  });

  it("is not read where its first part cannot go that way", async () => {
    const { path } = await write(20 * PART);
    const { upload, letGo } = startHeld(path, { to: own.url, partSize: PART });
    expect(await codeOf(rest(upload))).toBe("background_unsupported");
    upload.resume();
    await next(upload, "created");
    const asked: string[] = [];
    const refused = upload.signRest((url) => asked.push(url) === 0);
    expect(await codeOf(refused)).toBe("background_unsupported");
    expect(asked).toHaveLength(1);
    letGo();
    upload.resume();
    await upload.done;
  });

  it("is nothing where the parts have digests that are not signed for", async () => {
    const { path } = await write(20 * PART);
    const how = { to: own.url, partSize: PART, digest: "blake3" } as const;
    const { upload, letGo } = startHeld(path, how);
    await next(upload, "created");
    expect(await codeOf(rest(upload))).toBe("background_unsupported");
    letGo();
    upload.resume();
    await upload.done;
  });

  it("is so much that a browser can hold it, from the front", async () => {
    const path = join(directory, "sparse");
    await writeFile(path, "");
    await truncate(path, 1_010 * PART);
    const { upload } = startHeld(path, { to: own.url, partSize: PART });
    await next(upload, "created");
    const parts = await rest(upload);
    expect(parts).toHaveLength(1_000);
    upload.abort();
    await expect(upload.done).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("the rest of an upload, signed for a store", () => {
  const PARTS = 4;
  const SIZE = PARTS * 8 * MIB - 5;
  const how = () => ({ to: direct.server.url, partSize: 8 * MIB, transfer: "direct" }) as const;

  it("is found there by the upload that signed it, and what did not come is sent", async () => {
    const { path, content } = await write(SIZE);
    const before = brought(direct);
    const { upload, letGo } = startHeld(path, how());
    await next(upload, "created");
    const parts = await rest(upload);
    expect(parts).toHaveLength(PARTS);
    await bring(parts.slice(0, 3), path);
    letGo();
    upload.resume();
    const { url } = await upload.done;
    expect(brought(direct) - before).toBe(PARTS);
    expect(await servedDifference(direct.server.url, new URL(url).pathname, content)).toBe(
      undefined,
    );
  });

  it("is found there by one that comes later, which knows nothing of it", async () => {
    const { path, content } = await write(SIZE);
    const before = brought(direct);
    const first = startHeld(path, how());
    await next(first.upload, "created");
    const parts = await rest(first.upload);
    await bring(parts.slice(1), path);
    await first.go();
    const later = startHeld(path, how());
    later.letGo();
    const { url } = await later.upload.done;
    expect(brought(direct) - before).toBe(PARTS);
    expect(await servedDifference(direct.server.url, new URL(url).pathname, content)).toBe(
      undefined,
    );
  });
});
