// Downloads that their store serves by itself, with a real one and with the strict one for tests: the same bytes under the same name, without our token, and nothing that can be changed about it.
import { hash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@holdfast/client/node";
import { MIB } from "@holdfast/protocol";
import { type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { inDouble, type Store, startStore } from "../kit/bucket.ts";
import { writeContent } from "../kit/source.ts";

const SIZE = 9_000_001;
const TOKEN = "correct-horse-battery-staple";
const STORES: Readonly<Record<string, () => Promise<Store>>> = {
  SeaweedFS: startStore,
  "the store for tests": async () => inDouble(await startS3Double()),
};

describe.each(Object.entries(STORES))("a download from %s", (_, start) => {
  let home: string;
  let store: Store;
  let server: ServerProcess;
  let url: string;
  let content: Buffer;
  const headers = { authorization: `Bearer ${TOKEN}` };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "holdfast-redirect-"));
    store = await start();
    const env = {
      ...store.env("led"),
      HOLDFAST_TOKEN: TOKEN,
      HOLDFAST_SERVE_REDIRECT_READS: "true",
    };
    server = await startServer({ data: join(home, "data"), port: 0, env });
    await writeContent(join(home, "a film.mp4"), { size: SIZE, seed: 5 });
    content = await readFile(join(home, "a film.mp4"));
    const client = createClient({ stateDir: join(home, "state") });
    const to = { to: server.url, token: TOKEN, type: "video/mp4" };
    ({ url } = await client.upload(join(home, "a film.mp4"), to).done);
    client.close();
  });
  afterAll(async () => {
    await stopServer(server);
    await store.stop();
    await rm(home, { recursive: true });
  });

  const ask = (more: Record<string, string> = {}) =>
    fetch(url, { headers: { ...headers, ...more }, redirect: "manual" });

  it("is at an address of the store, with its type and its name, whole and in ranges", async () => {
    const answer = await ask();
    expect(answer.status).toBe(307);
    const location = answer.headers.get("location") ?? "";
    expect([new URL(location).origin, location.includes(TOKEN)]).toEqual([
      new URL(store.url).origin,
      false,
    ]);
    expect(Number(new URL(location).searchParams.get("X-Amz-Expires"))).toBeLessThanOrEqual(900);
    const whole = await fetch(location);
    expect(whole.headers.get("content-type")).toBe("video/mp4");
    expect(whole.headers.get("content-disposition")).toMatch(/^attachment; filename="a film.mp4"/);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(hash("sha256", bytes)).toBe(hash("sha256", content));
    const range = { range: "bytes=8388600-8388700" };
    const led = (await ask(range)).headers.get("location") ?? "";
    const some = await fetch(led, { headers: range });
    expect([some.status, some.headers.get("content-range")]).toEqual([
      206,
      `bytes 8388600-8388700/${SIZE}`,
    ]);
    const part = Buffer.from(await some.arrayBuffer());
    expect(part.equals(content.subarray(8388600, 8388701))).toBe(true);
  });

  it("is refused by the store with any of it changed", async () => {
    const location = (await ask()).headers.get("location") ?? "";
    for (const [name, value] of [
      ["response-content-type", "text/html"],
      ["response-content-disposition", "inline"],
      ["X-Amz-Expires", "604800"],
    ] as const) {
      const changed = new URL(location);
      expect(changed.searchParams.has(name)).toBe(true);
      changed.searchParams.set(name, value);
      expect([name, (await fetch(changed)).status]).toEqual([name, 403]);
    }
    const other = new URL(location);
    other.pathname += "x";
    expect((await fetch(other)).status).toBe(403);
  });

  it("goes through the server for who resumes by a tag", async () => {
    const etag = (await fetch(url, { method: "HEAD", headers })).headers.get("etag") ?? "";
    const some = await ask({ range: "bytes=0-9", "if-range": etag });
    expect([some.status, some.headers.get("etag")]).toEqual([206, etag]);
    await some.arrayBuffer();
    const other = await ask({ "if-match": '"other"', "holdfast-redirect": "?1" });
    expect(other.status).toBe(412);
  });

  /** Bytes that the server has read from the store. */
  async function readThere(): Promise<number> {
    const page = await (await fetch(`${server.url}/metrics`, { headers })).text();
    return Number(/^holdfast_storage_read_bytes_total (\d+)$/m.exec(page)?.[1] ?? Number.NaN);
  }

  async function download(to: string): Promise<void> {
    const client = createClient({ stateDir: join(home, "state") });
    await client.download(url, join(home, to), { token: TOKEN }).done;
    client.close();
  }

  it("costs the server no bytes where our own client makes it, which checks each part", async () => {
    const before = await readThere();
    await download("copy");
    expect((await readFile(join(home, "copy"))).equals(content)).toBe(true);
    // The manifest passes through the server, and a first piece that was asked for beside it, by whoever cannot know its version yet.
    const read = (await readThere()) - before;
    expect([read > MIB, read < SIZE / 4]).toEqual([true, true]);
  });

  it("is refused by name where the bytes in the store are others: the server looks then", async () => {
    const [key = ""] = (await store.look("led")).objects.filter((one) => one.startsWith("bytes/"));
    const spoilt = Buffer.from(content);
    spoilt[5] = (spoilt[5] ?? 0) ^ 1;
    await store.put(`led/${key}`, spoilt);
    await expect(download("bad")).rejects.toMatchObject({ code: "part_damaged" });
    await store.put(`led/${key}`, content);
    // What was found bad a moment ago is taken for that without another look.
    await vi.waitFor(() => download("good"), { timeout: 20_000, interval: 300 });
    expect((await readFile(join(home, "good"))).equals(content)).toBe(true);
  });

  it("is nobody's who may not read it", async () => {
    expect((await fetch(url, { redirect: "manual" })).status).toBe(401);
  });
});
