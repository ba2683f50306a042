// Downloads by the command line from nginx, which knows nothing of Holdfast.
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { killAll, startCli } from "@holdfast/testkit/process";
import { startNginxWith } from "@holdfast/testkit/services/nginx";
import { afterAll, expect, test } from "vitest";
import { eventOf, run } from "../kit/cli.ts";
import { openDam, rightParts, written } from "../kit/dam.ts";
import { withScratch } from "../kit/scratch.ts";

const SIZE = 9 * MIB + 5;

afterAll(killAll);

async function withNginx(
  work: (home: string, url: string, bytes: Buffer) => Promise<void>,
): Promise<void> {
  await withScratch(async (home) => {
    const bytes = randomBytes(SIZE);
    await writeFile(join(home, "disk.img"), bytes);
    const nginx = await startNginxWith(
      (port) => `server { listen 127.0.0.1:${port}; root ${home}; gzip on; gzip_types *; }`,
    );
    try {
      await work(home, nginx.url, bytes);
    } finally {
      await nginx.stop();
    }
  });
}

test("a file comes side by side, under its own name, with the SHA-256 that it is to have", () =>
  withNginx(async (home, url, bytes) => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const env = { HOLDFAST_TOKEN: "a-token-that-nobody-is-to-see" };
    const words = ["download", `${url}/disk.img`, "-o", "there/", "--json", "--sha256", sha256];
    expect((await run(home, words, { env })).code).toBe(3);
    const to = ["download", `${url}/disk.img`, "-o", "copy", "--json", "--sha256"];
    const said = await run(home, [...to, sha256], { env });
    expect(said.code).toBe(0);
    expect(eventOf(said, "complete").get("size")).toBe(SIZE);
    expect(bytes.equals(await readFile(join(home, "copy")))).toBe(true);
    const again = await run(home, [...to, sha256]);
    expect(again.code).toBe(0);
    expect(eventOf(again, "complete").get("bytesSent")).toBe(0);
    const other = await run(home, [
      "download",
      `${url}/disk.img`,
      "-o",
      "other",
      "--sha256",
      "0".repeat(64),
    ]);
    expect(other.code).toBe(6);
    expect(other.stderr).toContain("(file_digest_mismatch)");
    const missing = await run(home, ["download", `${url}/none`, "-o", "missing"]);
    expect(missing.code).toBe(4);
  }));

test.each(["SIGINT", "SIGKILL"] as const)(
  "what was stopped by %s goes on, and one that has changed since begins anew",
  (signal) =>
    withNginx(async (home, url, bytes) => {
      const dam = await openDam(url, () => true);
      const words = ["download", `${dam.url}/disk.img`, "-o", "copy", "--json"];

      async function stop(): Promise<void> {
        dam.hold(4.5 * MIB);
        const command = startCli([...words, "--concurrency", "1"], {
          cwd: home,
          env: { HOLDFAST_STATE_DIR: home },
        });
        await written(command, 3, async () => {
          const [name = "none"] = (await readdir(home)).filter((one) => one.endsWith(".part"));
          return rightParts(join(home, name), bytes);
        });
        command.kill(signal);
        await command.exit;
        dam.open();
      }

      async function goOn() {
        const said = await run(home, words);
        expect(said.code).toBe(0);
        return said.events.find(({ name }) => name === "progress")?.fields.get("committed");
      }

      await stop();
      // A kill costs what no journal has named yet.
      expect(await goOn()).toBe(signal === "SIGINT" ? 4 * MIB : 0);
      expect(bytes.equals(await readFile(join(home, "copy")))).toBe(true);
      await rm(join(home, "copy"));
      await stop();
      expect((await run(home, ["resume"])).code).toBe(0);
      expect(bytes.equals(await readFile(join(home, "copy")))).toBe(true);
      await rm(join(home, "copy"));
      await stop();
      const changed = randomBytes(SIZE);
      await writeFile(join(home, "next.img"), changed);
      await rename(join(home, "next.img"), join(home, "disk.img"));
      await utimes(join(home, "disk.img"), 1, 1);
      expect(await goOn()).toBe(0);
      expect(changed.equals(await readFile(join(home, "copy")))).toBe(true);
      await dam.close();
    }),
);
