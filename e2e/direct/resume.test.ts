// Direct uploads that are killed and gone on with: the store gets what it has not got yet, and nothing twice (faults C01, C02, N03, D25).
import { hash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { download } from "@holdfast/client/node";
import { MIB, partCount, partSizeAt, type UploadView } from "@holdfast/protocol";
import { type Interposer, interpose } from "@holdfast/testkit/interposer";
import { type Command, numberOf, textOf } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { brought, type Direct, startDirect } from "../kit/direct.ts";
import { withScratch } from "../kit/scratch.ts";
import { firstDifference, writeContent } from "../kit/source.ts";
import { completion, startUpload } from "../kit/upload.ts";
import { postJson, statusOf } from "../kit/wire.ts";

/** Resolves when a look says so; the test's own time is the limit. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function kill(command: Command, direct: Direct): Promise<void> {
  command.kill("SIGKILL");
  await command.exit;
  // What was in flight with all of its bytes still gets its answer, which nobody hears.
  for (let before = -1; before !== direct.stored(); ) {
    before = direct.stored();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

it("sends no part again that the store has and the server has not heard of", () =>
  withScratch(async (directory) => {
    const direct = await startDirect(directory);
    const content = { seed: 4, size: 20 * 8 * MIB + 99 };
    const path = join(directory, "source");
    await writeContent(path, content);
    // From the second on nobody hears of a confirmation, and the server not of what was brought.
    let isHolding = true;
    const proxy: Interposer = await interpose(direct.server.url, (request) => {
      const isConfirming = request.method === "POST" && request.url?.endsWith("/parts");
      const isHeld = isHolding && isConfirming && proxy.count("POST", "/parts") > 1;
      return isHeld ? (held) => held.resume() : undefined;
    });
    const state = join(directory, "state");
    // Slow enough that not everything is brought by the time that it is killed.
    const first = startUpload(path, proxy.url, state, ["--limit-rate", "24M"]);
    await until(() => proxy.count("POST", "/parts") > 1 && direct.stored() > 5);
    await kill(first, direct);
    const [stored, before] = [direct.stored(), brought(direct)];
    expect(stored).toBeLessThan(21);
    isHolding = false;
    const complete = await completion(startUpload(path, proxy.url, state));
    expect(brought(direct) - before).toBe(21 - stored);
    expect(numberOf(complete, "bytesSent")).toBe(content.size - stored * 8 * MIB);
    const back = join(directory, "back");
    const url = textOf(complete, "url");
    await download(url, back, { stateDir: state }).done;
    expect(await firstDifference(back, content)).toBeUndefined();
    await proxy.close();
    await direct.close();
  }));

/** Brings parts that are zeros to the store without a byte of them: every part of the source but the last is alike. */
async function bring(direct: Direct, view: UploadView, indexes: readonly number[]): Promise<void> {
  const whole = contentOf(view.partSize);
  const last = contentOf(partSizeAt(view, partCount(view) - 1));
  const of = (index: number) => (index === partCount(view) - 1 ? last : whole);
  for (let at = 0; at < indexes.length; at += 100) {
    const group = indexes.slice(at, at + 100);
    await tell(direct, view, "requests", group, of);
    const [multipart] = direct.double.bucket.multiparts.values();
    for (const index of group)
      multipart?.parts.set(index + 1, { ...of(index), modifiedAt: 0, hasChecksum: true });
    // What is brought last, the server has not heard of.
    if (at < indexes.length / 2) await tell(direct, view, "parts", group, of);
  }
}

function contentOf(size: number): { size: number; sha256: Buffer; md5: string } {
  const zeros = Buffer.alloc(size);
  return { size, sha256: hash("sha256", zeros, "buffer"), md5: hash("md5", zeros) };
}

async function tell(
  { server }: Direct,
  { id }: UploadView,
  what: "requests" | "parts",
  indexes: readonly number[],
  of: (index: number) => { readonly sha256: Buffer },
): Promise<void> {
  const parts = indexes.map((index) => ({ index, digest: of(index).sha256.toString("base64") }));
  const { status } = await postJson(server.url, `/v1/uploads/${id}/${what}`, { parts });
  expect(status).toBe(200);
}

it.each([
  ["1,001 parts", { size: 1000 * 8 * MIB + 7, parts: 1001, partsMax: 10_000 }],
  ["10,000 parts", { size: 9_999 * 8 * MIB + 7, parts: 10_000, partsMax: 10_000 }],
  [
    "more of them than the 1,000 that a store takes",
    { size: 1001 * 8 * MIB, parts: 501, partsMax: 1000 },
  ],
])("goes on with %s by sending those that are missing", (_, { size, parts, partsMax }) =>
  withScratch(async (directory) => {
    const keepsBytes = (key: string) => !key.includes("/bytes/");
    const direct = await startDirect(directory, { keepsBytes, instead: { partsMax } });
    const path = join(directory, "source");
    const file = await open(path, "w");
    await file.truncate(size);
    await file.close();
    const upload = () => startUpload(path, direct.server.url, join(directory, "state"));
    const first = upload();
    const id = textOf(await first.event("created"), "id");
    await kill(first, direct);
    const view = await statusOf(direct.server.url, id);
    expect(partCount(view)).toBe(parts);
    const missing = [3, 99, 100, 101, 499].map((index) => index * Math.floor(parts / 500));
    const isMissing = (index: number) => missing.includes(index) || index === parts - 1;
    const all = Array.from({ length: parts }, (_, index) => index);
    await bring(
      direct,
      view,
      all.filter((index) => !isMissing(index)),
    );
    const [stored, before] = [direct.stored(), brought(direct)];
    const complete = await completion(upload());
    expect(brought(direct) - before).toBe(parts - stored);
    expect(parts - stored).toBeGreaterThan(0);
    expect(numberOf(complete, "size")).toBe(size);
    await direct.close();
  }),
);
