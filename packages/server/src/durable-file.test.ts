// A file that cannot be written whole is never put in the place of one that is.
import { spawnSync } from "node:child_process";
import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type FileCalls, replaceFile } from "./durable-file.ts";
import { readSettingsFile, writeSettingsFile } from "./settings-file.ts";

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
    expect(readdirSync(directory)).toEqual(["tokens.json"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** A disk on which the call of that number fails. A write that fails has written a part. */
function failingAt(failing: number, code: string): { readonly calls: FileCalls; made(): number } {
  let made = 0;
  function strike<Args extends readonly unknown[], Result>(
    call: (...args: Args) => Result,
    before: (...args: Args) => void = () => undefined,
  ) {
    return (...args: Args): Result => {
      if (made++ !== failing) return call(...args);
      before(...args);
      throw Object.assign(new Error(code), { code });
    };
  }
  const calls: FileCalls = {
    openSync: strike(fs.openSync),
    writeFileSync: strike(fs.writeFileSync, (file, text) => {
      fs.writeSync(Number(file), String(text).slice(0, 7));
    }),
    fsyncSync: strike(fs.fsyncSync),
    // A descriptor is gone even where closing it says that the disk has failed.
    closeSync: strike(fs.closeSync, fs.closeSync),
    renameSync: strike(fs.renameSync),
  };
  return { calls, made: () => made };
}

it.each(["EIO", "ENOSPC"])(
  "is the old file or the new one, whichever call ends with %s",
  (code) => {
    const directory = mkdtempSync(join(tmpdir(), "holdfast-durable-"));
    const path = join(directory, "tokens.json");
    const seen: string[] = [];
    for (let failing = 0; ; failing++) {
      writeFileSync(path, "the old one");
      const { calls, made } = failingAt(failing, code);
      let error: unknown;
      try {
        replaceFile(path, "another and longer one", calls);
      } catch (cause) {
        error = cause;
      }
      if (made() <= failing) {
        expect(error).toBeUndefined();
        break;
      }
      expect(error).toMatchObject({ code });
      const text = readFileSync(path, "utf8");
      seen.push(text);
      expect(["the old one", "another and longer one"]).toContain(text);
      expect(readdirSync(directory)).toEqual(["tokens.json"]);
      // What is left of it is in nobody's way.
      replaceFile(path, "the next one");
      expect(readFileSync(path, "utf8")).toBe("the next one");
    }
    // Opened, written, flushed, closed, renamed; then the directory is opened, flushed and closed, and the new name may be there already.
    expect(seen.map((text) => text === "the old one")).toEqual([
      ...[true, true, true, true, true],
      ...[false, false, false],
    ]);
    rmSync(directory, { recursive: true });
  },
);

it("tells of a file of settings what is wrong with it and what to do, and of one that is absent nothing", () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-settings-"));
  const path = join(directory, "tokens.json");
  const read = () => readSettingsFile(path, (text): unknown => JSON.parse(text), "Put it back");
  expect(read()).toBeUndefined();
  writeSettingsFile(path, '{"a":1}');
  expect(read()).toEqual({ a: 1 });
  writeSettingsFile(path, '{"a":');
  expect(read).toThrow(expect.objectContaining({ code: "data_dir_unusable" }));
  expect(read).toThrow(/Put it back/);
  const nowhere = join(directory, "nowhere", "tokens.json");
  const write = () => writeSettingsFile(nowhere, "x");
  expect(write).toThrow(expect.objectContaining({ code: "data_dir_unusable" }));
  rmSync(directory, { recursive: true });
});
