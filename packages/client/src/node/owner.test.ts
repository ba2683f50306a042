import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimKey, holderOf } from "./owner.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-owner-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const busy = expect.objectContaining({ code: "transfer_busy" });

describe("a claim", () => {
  it("is exclusive, by key, until it is released", () => {
    const release = claimKey(directory, "one");
    expect(() => claimKey(directory, "one")).toThrow(busy);
    const other = claimKey(directory, "two");
    release();
    release();
    claimKey(directory, "one")();
    other();
  });

  it("is known by its holder while it is held", () => {
    expect(holderOf(directory, "one")).toBeUndefined();
    const release = claimKey(directory, "one");
    expect(holderOf(directory, "one")).toEqual({ pid: process.pid });
    release();
    expect(holderOf(directory, "one")).toBeUndefined();
  });

  it("passes from process to process and is no error of the place, however often they meet", async () => {
    const script = `
      import { claimKey } from ${JSON.stringify(new URL("owner.ts", import.meta.url).href)};
      const said = new Set();
      for (let at = 0; at < 1500; at++) {
        try {
          claimKey(${JSON.stringify(directory)}, "one")();
          said.add("claimed");
        } catch (error) {
          said.add(error.code);
        }
      }
      console.log([...said].filter((one) => one !== "transfer_busy").join());`;
    const args = ["--input-type=module-typescript", "-e", script];
    const run = () => promisify(execFile)(process.execPath, args);
    for (const { stdout } of await Promise.all([run(), run(), run()])) {
      expect(stdout.trim()).toBe("claimed");
    }
  }, 120_000);

  it("makes its folder again where somebody has removed that", () => {
    claimKey(directory, "one")();
    rmSync(join(directory, "claims"), { recursive: true });
    expect(holderOf(directory, "one")).toBeUndefined();
    const release = claimKey(directory, "one");
    expect(() => claimKey(directory, "one")).toThrow(busy);
    release();
  });

  it("leaves no file behind", () => {
    claimKey(directory, "one")();
    expect(readdirSync(join(directory, "claims"))).toEqual([]);
  });

  it("leaves alone what another has taken after its own file was removed", () => {
    const release = claimKey(directory, "one");
    rmSync(join(directory, "claims", "one.lock"));
    const path = join(directory, "claims", "one.lock");
    writeFileSync(path, "");
    release();
    expect(existsSync(path)).toBe(true);
  });

  it("that is refused to this process leaves the kernel's lock as it is", async () => {
    const release = claimKey(directory, "one");
    expect(() => claimKey(directory, "one")).toThrow(busy);
    const script = `
      import { claimKey, holderOf } from ${JSON.stringify(new URL("owner.ts", import.meta.url).href)};
      try {
        claimKey(${JSON.stringify(directory)}, "one");
        console.log("claimed");
      } catch ({ code }) {
        console.log(code);
      }`;
    const args = ["--input-type=module-typescript", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout.trim()).toBe("transfer_busy");
    release();
  });

  it("that cannot be is not somebody else's, whatever the path is called", () => {
    const occupied = join(directory, "locked and busy");
    writeFileSync(occupied, "");
    expect(() => claimKey(occupied, "one")).toThrow(
      expect.objectContaining({ code: "checkpoint_failed" }),
    );
  });

  it("of another process holds, also where nobody keeps its release, and ends when that process is killed", async () => {
    const script = `
      import { claimKey, holderOf } from ${JSON.stringify(new URL("owner.ts", import.meta.url).href)};
      claimKey(${JSON.stringify(directory)}, "one");
      gc();
      // What is collected is closed a turn later.
      setTimeout(() => {
        gc();
        console.log("claimed");
      }, 10);
      setInterval(() => undefined, 1000);`;
    const args = ["--expose-gc", "--input-type=module-typescript", "-e", script];
    const child = spawn(process.execPath, args);
    await once(child.stdout, "data");
    const { pid } = child;
    expect(() => claimKey(directory, "one")).toThrow(
      expect.objectContaining({
        code: "transfer_busy",
        details: { pid },
        message: `process ${pid} is at this transfer already`,
      }),
    );
    expect(holderOf(directory, "one")).toEqual({ pid });
    child.kill("SIGKILL");
    await once(child, "exit");
    // What it left behind names it still, and is locked by nobody.
    expect(holderOf(directory, "one")).toBeUndefined();
    claimKey(directory, "one")();
  });
});
