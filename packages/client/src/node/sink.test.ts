import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFileSink } from "./sink.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-sink-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (name: string) => join(directory, name);

describe("a file as a sink", () => {
  it("has its name only once it is whole", async () => {
    const sink = await openFileSink(path("f"));
    expect(await sink.existingSize()).toBeUndefined();
    expect(await sink.open()).toBe(0);
    await sink.write(4, Buffer.from("4567"));
    await sink.write(0, Buffer.from("0123xx"));
    await sink.write(4, Buffer.from("4567zzzz"));
    const into = Buffer.alloc(20);
    expect(await sink.read("working", 2, into)).toBe(10);
    expect(existsSync(path("f"))).toBe(false);
    await sink.commit(8);
    expect(readFileSync(path("f"), "utf8")).toBe("01234567");
    expect(existsSync(path("f.part"))).toBe(false);
    expect(await sink.existingSize()).toBe(8);
    expect(await sink.read("whole", 6, into)).toBe(2);
    await sink.close();
    await sink.close();
  });

  it("goes on with the working file that is there", async () => {
    writeFileSync(path("f.part"), "012");
    const sink = await openFileSink(path("f"));
    expect(await sink.open()).toBe(3);
    await sink.close();
    expect(existsSync(path("f.part"))).toBe(true);
    await sink.discard();
    await sink.discard();
    expect(existsSync(path("f.part"))).toBe(false);
  });

  it("never replaces what came into being meanwhile", async () => {
    const sink = await openFileSink(path("f"));
    await sink.write(0, Buffer.from("mine"));
    writeFileSync(path("f"), "theirs");
    await expect(sink.commit(4)).rejects.toMatchObject({ code: "sink_exists" });
    expect(readFileSync(path("f"), "utf8")).toBe("theirs");
    await sink.close();
  });

  it("follows no symbolic links", async () => {
    symlinkSync("elsewhere", path("f"));
    const sink = await openFileSink(path("f"));
    await expect(sink.existingSize()).rejects.toMatchObject({ code: "sink_exists" });
    symlinkSync(path("elsewhere"), path("g.part"));
    const other = await openFileSink(path("g"));
    await expect(other.open()).rejects.toMatchObject({ code: "sink_failed" });
    expect(existsSync(path("elsewhere"))).toBe(false);
  });

  it("is none in a directory that is not there, nor in place of one", async () => {
    await expect(openFileSink(path("no/f"))).rejects.toMatchObject({ code: "sink_failed" });
    mkdirSync(path("d.part"));
    const sink = await openFileSink(path("d"));
    await expect(sink.open()).rejects.toMatchObject({ code: "sink_failed" });
    await sink.close();
  });
});
