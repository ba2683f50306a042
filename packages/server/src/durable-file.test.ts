// A file that cannot be written whole is never put in the place of one that is.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

it("leaves the old file where the disk takes only a part of the new one", () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-durable-"));
  try {
    const path = join(directory, "tokens.json");
    writeFileSync(path, "old");
    const program = `
      const { replaceFile } = await import(process.argv[1]);
      try {
        replaceFile(process.argv[2], "x".repeat(100_000));
      } catch (error) {
        process.stdout.write(error.code);
      }
    `;
    // The limit on a file's size does what a full disk does: the first write is short, the next one fails.
    const shell = `trap '' XFSZ; ulimit -f 16; exec "$0" "$@"`;
    const source = new URL("./durable-file.ts", import.meta.url).href;
    const node = [process.execPath, "--input-type=module", "--eval", program, source, path];
    const { stdout } = spawnSync("sh", ["-c", shell, ...node], { encoding: "utf8" });
    expect([stdout, readFileSync(path, "utf8")]).toEqual(["EFBIG", "old"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
