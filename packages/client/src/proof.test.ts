// What a transfer may ask of the server besides the bytes: BLAKE3 digests, a SHA-256 of the whole, parts read back.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { decodeManifest, encodeHex, KIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { interpose, problem } from "@holdfast/testkit/interposer";
import { blake3 } from "hash-wasm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { download, upload } from "./node/index.ts";
import { systemDigester } from "./node/platform.ts";
import { makePlace, next, type Place } from "./node/testing/place.ts";
import type { UploadOptions } from "./upload.ts";

let place: Place;
beforeEach(() => {
  place = makePlace(serve);
});
afterEach(() => place.clear());

function send(path: string, to: string, options: Partial<UploadOptions> = {}) {
  return upload(path, { to, stateDir: place.stateDir, ...options });
}

async function manifestOf(url: string) {
  const text = await (await fetch(`${url}/manifest`)).text();
  return decodeManifest(systemDigester.sha256, text);
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("an upload with BLAKE3 digests", () => {
  it("comes back checked by them", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 3 * 256 * KIB + 5);
    const { url } = await send(path, server.url, { digest: "blake3", partSize: 256 * KIB }).done;
    const manifest = await manifestOf(url);
    expect(manifest.algorithm).toBe("blake3");
    const first = await blake3(bytes.subarray(0, 256 * KIB));
    expect(encodeHex(manifest.digests.subarray(0, 32))).toBe(first);
    await download(url, place.path("back"), { stateDir: place.stateDir }).done;
    expect((await readFile(place.path("back"))).equals(bytes)).toBe(true);
  });

  it("goes on with them, whatever the next run asks for", async () => {
    const server = await place.serve();
    let isClosed = false;
    const proxy = place.keep(
      await interpose(server.url, () => (isClosed ? problem(403, "forbidden") : undefined)),
    );
    const { path, bytes } = place.file("f", 8 * 256 * KIB);
    const options = { digest: "blake3", partSize: 256 * KIB } as const;
    const begun = send(path, proxy.url, { ...options, limitRate: 1024 * KIB });
    const ended = begun.done.catch((error: unknown) => error);
    await next(begun, "part");
    isClosed = true;
    expect(await ended).toMatchObject({ code: "forbidden" });
    isClosed = false;
    const { url, bytesSent } = await send(path, proxy.url).done;
    expect(bytesSent).toBeLessThan(bytes.length);
    expect((await manifestOf(url)).algorithm).toBe("blake3");
  });
});

describe("an upload with the SHA-256 of the whole", () => {
  it("is published where the server reads the same", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 3 * 1024 * KIB);
    const options = { sha256: sha256(bytes), verify: "readback" } as const;
    const { url } = await send(path, server.url, options).done;
    expect(encodeHex((await manifestOf(url)).sha256 ?? new Uint8Array())).toBe(sha256(bytes));
    const { headers } = await fetch(url, { method: "HEAD" });
    const value = Buffer.from(sha256(bytes), "hex").toString("base64");
    expect(headers.get("repr-digest")).toBe(`sha-256=:${value}:`);
  });

  it("fails where it reads another, and may begin anew", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 1024 * KIB);
    const wrong = sha256(new Uint8Array());
    await expect(send(path, server.url, { sha256: wrong }).done).rejects.toMatchObject({
      code: "file_digest_mismatch",
    });
    const again = await send(path, server.url, { sha256: sha256(bytes) }).done;
    expect(again.bytesSent).toBe(bytes.length);
  });

  it("is not met by a file that was published without", async () => {
    const server = await place.serve();
    const { path, bytes } = place.file("f", 1024 * KIB);
    const first = await send(path, server.url).done;
    const wrong = sha256(new Uint8Array());
    await expect(send(path, server.url, { sha256: wrong }).done).rejects.toMatchObject({
      code: "file_digest_mismatch",
    });
    const proven = await send(path, server.url, { sha256: sha256(bytes) }).done;
    expect(proven.url).not.toBe(first.url);
    // Who asks for the same or for less has it already.
    expect((await send(path, server.url, { sha256: sha256(bytes) }).done).url).toBe(proven.url);
    expect((await send(path, server.url).done).url).toBe(proven.url);
    const read = await send(path, server.url, { verify: "readback" }).done;
    expect(read.bytesSent).toBe(bytes.length);
  });

  it("needs one that is a SHA-256", async () => {
    const server = await place.serve();
    const { path } = place.file("f", 5);
    await expect(send(path, server.url, { sha256: "5" }).done).rejects.toMatchObject({
      code: "usage",
    });
  });
});
