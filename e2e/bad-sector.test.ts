// A sector that the disk of a server cannot read any more, below real processes: named by the command line with its own exit code, told to the operator, mended by the same command.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { buildBadSector } from "@holdfast/testkit/shim/bad-sector";
import { expect, it } from "vitest";
import { run } from "./kit/cli.ts";
import { withScratch } from "./kit/scratch.ts";
import { writeContent } from "./kit/source.ts";

const SIZE = 6 * MIB + 777;
const PAGE = 4096;

it("is no bad line: who downloads is told, and uploads it again", { timeout: 120_000 }, () =>
  withScratch(async (home) => {
    const sector = await buildBadSector(home);
    const data = join(home, "data");
    const server = await startServer({ data, port: await freePort(), env: sector.env });
    await writeContent(join(home, "source"), { size: SIZE, seed: 31 });
    const content = await readFile(join(home, "source"));
    const upload = () => run(home, ["upload", "source", "--to", server.url]);
    const { stdout: url } = await upload();
    const stored = await largest(join(data, "uploads"));
    const damaged = async () =>
      /^holdfast_files_damaged (\d+)$/m.exec(
        await (await fetch(`${server.url}/metrics`)).text(),
      )?.[1];
    const download = (to: string) => run(home, ["download", url, "-o", to]);

    // By the kernel's own way to a connection, by the page cache and by a thread: nobody gets past it.
    await sector.spoil(stored, 4 * MIB + 2 * PAGE, PAGE);
    await expect(fetch(url).then((answer) => answer.arrayBuffer())).rejects.toThrow();
    expect((await sector.look()).failed).toBeGreaterThan(2);
    await expect.poll(damaged, { timeout: 20_000 }).toBe("1");
    const refused = await fetch(url, { headers: { range: `bytes=${4 * MIB}-` } });
    expect([refused.status, await refused.json()]).toMatchObject([500, { code: "part_damaged" }]);

    const told = await download("copy");
    expect(told.code).toBe(11);
    expect(told.stderr).toContain("part 4 of this file is damaged where it is stored");
    const begun = await fetch(url, { headers: { range: "bytes=0-9" } });
    expect(Buffer.from(await begun.arrayBuffer()).equals(content.subarray(0, 10))).toBe(true);

    expect((await upload()).code).toBe(0);
    await expect.poll(damaged, { timeout: 60_000 }).toBe("0");
    expect(await sector.look()).toMatchObject({ isBad: false });
    expect((await download("copy")).code).toBe(0);
    expect((await readFile(join(home, "copy"))).equals(content)).toBe(true);
    // The bytes themselves, and nothing behind them.
    expect((await readFile(stored)).equals(content)).toBe(true);

    // Who checks every part meets it first, and is told by name without anybody having been before.
    await sector.spoil(stored, 2 * MIB, PAGE);
    const first = await download("other");
    expect(first.code).toBe(11);
    expect(first.stderr).toContain("part 2 of this file is damaged where it is stored");
    await stopServer(server);
  }),
);

/** The bytes of the only file. */
async function largest(directory: string): Promise<string> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if ((await stat(path)).size === SIZE) return path;
  }
  throw new Error("the bytes of the upload are nowhere");
}
