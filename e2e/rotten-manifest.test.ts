// A manifest that rots below a real server: the command line waits for it, and nobody else has to do anything.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { run } from "./kit/cli.ts";
import { withScratch } from "./kit/scratch.ts";
import { writeContent } from "./kit/source.ts";

const SIZE = 6 * MIB + 777;
const IN_DIGESTS = 60;

it(
  "is made anew while a download, and an upload of the same file, wait for it",
  {
    timeout: 120_000,
  },
  () =>
    withScratch(async (home) => {
      const data = join(home, "data");
      const server = await startServer({ data, port: await freePort() });
      await writeContent(join(home, "source"), { size: SIZE, seed: 32 });
      const content = await readFile(join(home, "source"));
      const upload = () => run(home, ["upload", "source", "--to", server.url]);
      const { stdout: url } = await upload();
      const uploads = join(data, "uploads");
      const [name = ""] = (await readdir(uploads)).filter((one) => one.endsWith(".manifest"));
      const stored = join(uploads, name);
      const manifest = await readFile(stored);
      const spoil = async () => {
        const bad = Buffer.from(manifest);
        bad[IN_DIGESTS] = (bad[IN_DIGESTS] ?? 0) ^ 1;
        await writeFile(stored, bad);
      };

      await spoil();
      expect((await run(home, ["download", url, "-o", "copy"])).code).toBe(0);
      expect((await readFile(join(home, "copy"))).equals(content)).toBe(true);
      expect((await readFile(stored)).equals(manifest)).toBe(true);

      await spoil();
      expect(await upload()).toMatchObject({ code: 0, stdout: url });
      expect((await readFile(stored)).equals(manifest)).toBe(true);
      expect((await readdir(uploads)).filter((one) => one.endsWith(".bytes"))).toHaveLength(1);
      await stopServer(server);
    }),
);
