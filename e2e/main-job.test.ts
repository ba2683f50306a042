// The main job on real processes: up, down, the same bytes; and the same command again once it is done.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { firstDifference, writeContent } from "./kit/source.ts";
import { completion, startDownload, startUpload, uploaded } from "./kit/upload.ts";
import { servedDifference } from "./kit/wire.ts";

const SIZES = [0, 1, MIB, MIB + 1, 100 * MIB + 4097];

it("uploads and downloads files of every awkward size", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const server = await startServer({ data: join(directory, "data"), port: await freePort() });
    const state = join(directory, "state");
    for (const size of SIZES) {
      const content = { seed: size + 1, size };
      const source = join(directory, `source-${size}`);
      const target = join(directory, `target-${size}`);
      await writeContent(source, content);
      const up = await uploaded(startUpload(source, server.url, state));
      expect(up).toMatchObject({ size, bytesCommitted: size });
      expect(up.root).toMatch(/^[0-9a-f]{64}$/);
      const down = await completion(startDownload(up.url, target, state));
      expect(down.fields.get("size")).toBe(size);
      expect(down.fields.get("root")).toBe(up.root);
      expect(await firstDifference(target, content)).toBeUndefined();
    }
    const leftovers = (await readdir(directory)).filter((name) => name.includes(".part"));
    expect(leftovers).toEqual([]);
    expect(await stopServer(server)).toEqual({ code: 0, signal: null });
  }),
);

it(
  "has the same result when the same commands run again, and sends nothing",
  { timeout: 40_000 },
  () =>
    withScratch(async (directory) => {
      const server = await startServer({ data: join(directory, "data"), port: await freePort() });
      const state = join(directory, "state");
      const content = { seed: 7, size: 3 * MIB + 5 };
      const [source, target] = [join(directory, "source"), join(directory, "target")];
      await writeContent(source, content);
      const first = await uploaded(startUpload(source, server.url, state));
      const second = await uploaded(startUpload(source, server.url, state));
      expect(second).toMatchObject({ url: first.url, root: first.root, bytesSent: 0 });
      expect(
        await servedDifference(server.url, new URL(first.url).pathname, content),
      ).toBeUndefined();
      await completion(startDownload(first.url, target, state));
      await completion(startDownload(first.url, target, state));
      expect(await firstDifference(target, content)).toBeUndefined();
      await stopServer(server);
    }),
);
