import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimKey } from "./owner.ts";

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

  it("leaves no file behind", () => {
    claimKey(directory, "one")();
    expect(readdirSync(join(directory, "claims"))).toEqual([]);
  });

  it("of another process holds, and ends when that process is killed", async () => {
    const script = `
      import { claimKey } from ${JSON.stringify(new URL("owner.ts", import.meta.url).href)};
      claimKey(${JSON.stringify(directory)}, "one");
      console.log("claimed");
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script]);
    await once(child.stdout, "data");
    expect(() => claimKey(directory, "one")).toThrow(busy);
    child.kill("SIGKILL");
    await once(child, "exit");
    claimKey(directory, "one")();
  });
});
