// Bytes that rot in a bucket, with a real store and with the strict one for tests: named and refused to who verifies, told to the operator, and healed by the same upload, as parts through the server and straight to the store.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@holdfast/client/node";
import { MIB } from "@holdfast/protocol";
import { type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inDouble, type Store, startStore } from "../kit/bucket.ts";
import { run } from "../kit/cli.ts";
import { writeContent } from "../kit/source.ts";

const PREFIX = "rot";
const SIZE = 17 * MIB + 4321;
const STORES: Readonly<Record<string, () => Promise<Store>>> = {
  SeaweedFS: startStore,
  "the store for tests": async () => inDouble(await startS3Double()),
};

describe.each(Object.entries(STORES))("a file in %s", (_, start) => {
  let home: string;
  let store: Store;
  let server: ServerProcess;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "holdfast-rot-"));
    store = await start();
    server = await startServer({ data: join(home, "data"), port: 0, env: store.env(PREFIX) });
  });
  afterAll(async () => {
    await stopServer(server);
    await store.stop();
    await rm(home, { recursive: true });
  });

  const keys = async () =>
    (await store.look(PREFIX)).objects.filter((key) => key.startsWith("bytes/"));
  /** As somebody who runs the same command again. */
  async function upload(transfer: "server" | "direct"): Promise<string> {
    const client = createClient({ stateDir: home });
    const { url } = await client.upload(join(home, "film.mp4"), { to: server.url, transfer }).done;
    client.close();
    return url;
  }

  it.each(["server", "direct"] as const)("is healed by an upload: %s", async (way) => {
    await writeContent(join(home, "film.mp4"), { size: SIZE, seed: way.length });
    const content = await readFile(join(home, "film.mp4"));
    const before = await keys();
    const url = await upload(way);
    const key = (await keys()).find((each) => !before.includes(each)) ?? "";
    const spoilt = Buffer.from(content);
    spoilt[9 * MIB] = (spoilt[9 * MIB] ?? 0) ^ 1;
    await store.put(`${PREFIX}/${key}`, spoilt);

    const copy = join(home, `copy-${way}`);
    const refused = await run(home, ["download", url, "-o", copy]);
    expect([refused.code, refused.stderr]).toEqual([11, expect.stringContaining("part 1")]);
    const metrics = async () => (await fetch(`${server.url}/metrics`)).text();
    expect(await metrics()).toMatch(/^holdfast_files_damaged 1$/m);

    const again = await upload(way);
    expect(again).not.toBe(url);
    await expect.poll(metrics, { timeout: 20_000 }).toMatch(/^holdfast_files_damaged 0$/m);
    const whole = await run(home, ["download", url, "-o", copy]);
    expect([whole.code, (await readFile(copy)).equals(content)]).toEqual([0, true]);
    expect((await store.look(PREFIX)).unfinished).toBe(0);
  });
});
