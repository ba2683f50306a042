import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeHex, type HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DownloadOptions, startDownload } from "./download.ts";
import type { Transfer } from "./events.ts";
import { nodePorts } from "./node/client.ts";
import { openCopySink } from "./node/copy-sink.ts";
import { openFileSink } from "./node/sink.ts";
import { manifestOf, serveBytes } from "./node/testing/served-bytes.ts";
import { startRepair } from "./repair.ts";
import { ALONE } from "./share.ts";
import { startStreamDownload } from "./stream/download-stream.ts";
import { listUnfinished } from "./unfinished.ts";

const PART = 50_000;
/** More than is read at a time. */
const content = createRandom("wanted").bytes(30 * PART + 5);
const manifest = manifestOf(content, PART);
const url = `http://127.0.0.1:1/v1/files/${"a".repeat(26)}`;
const ROOT = encodeHex(manifest.root);
const SHA256 = createHash("sha256").update(content).digest("hex");
const OTHER = "ab".repeat(32);

let directory: string;
let copy: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-wanted-"));
  copy = join(directory, "copy");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const WAYS = ["download", "repair", "stream"] as const;

async function fetchFile(way: (typeof WAYS)[number], wanted: Partial<DownloadOptions>) {
  const { transport, ranges } = serveBytes(content);
  const ports = {
    ...nodePorts(join(directory, "state")),
    transport,
    share: ALONE,
    clock: createVirtualClock(),
  };
  const options = { url, manifest, ...wanted };
  const pieces: Uint8Array[] = [];
  const start = (): Transfer => {
    if (way === "download") return startDownload(() => openFileSink(copy), options, ports);
    if (way === "repair") return startRepair(() => openCopySink(copy), options, ports);
    return startStreamDownload(async (piece) => void pieces.push(piece.slice()), options, ports);
  };
  if (way === "repair" && !existsSync(copy)) writeFileSync(copy, "");
  const code = await start().done.then(
    () => "done",
    (error: HoldfastError) => error.code,
  );
  if (way === "stream") writeFileSync(copy, Buffer.concat(pieces));
  return { code, ranges };
}

describe.each(WAYS)("a %s of a file that is known", (way) => {
  it("by its root and SHA-256 takes that file", async () => {
    expect((await fetchFile(way, { root: ROOT, sha256: SHA256 })).code).toBe("done");
    expect(readFileSync(copy).equals(content)).toBe(true);
  });

  it("by its root fetches nothing of another", async () => {
    const { code, ranges } = await fetchFile(way, { root: OTHER });
    expect({ code, ranges }).toEqual({ code: "root_mismatch", ranges: [] });
  });

  it("by its SHA-256 fetches nothing where the server says another", async () => {
    const told = { ...manifest, sha256: createHash("sha256").update("other").digest() };
    const { code, ranges } = await fetchFile(way, { manifest: told, sha256: SHA256 });
    expect({ code, ranges }).toEqual({ code: "file_digest_mismatch", ranges: [] });
  });

  it("by its SHA-256 does not take the server's word for it", async () => {
    const told = { ...manifest, sha256: Buffer.from(OTHER, "hex") };
    expect((await fetchFile(way, { manifest: told, sha256: OTHER })).code).toBe(
      "file_digest_mismatch",
    );
  });

  it("says so where that is no digest", async () => {
    expect((await fetchFile(way, { root: "abc" })).code).toBe("usage");
    expect((await fetchFile(way, { sha256: OTHER.toUpperCase() })).code).toBe("usage");
  });
});

it("what has another SHA-256 never gets its name, and who goes on with it wants the same", async () => {
  await fetchFile("download", { sha256: OTHER });
  expect(readdirSync(directory).filter((name) => !name.startsWith("."))).toEqual(["state"]);
  const unfinished = await listUnfinished(nodePorts(join(directory, "state")));
  expect(unfinished).toMatchObject([{ kind: "download", root: ROOT, sha256: OTHER }]);
});

it.each(["download", "repair"] as const)(
  "what is there already is read as well by a %s",
  async (way) => {
    writeFileSync(copy, content);
    expect(await fetchFile(way, { sha256: OTHER })).toEqual({
      code: "file_digest_mismatch",
      ranges: [],
    });
    expect(await fetchFile(way, { sha256: SHA256 })).toEqual({ code: "done", ranges: [] });
  },
);
