import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
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

const ROOT = "0123456789abcdef".repeat(4);
/** A rename copies nothing: there is nothing to judge. */
const CHECK = { partSize: 4, judge: async () => undefined };
const path = (name: string) => join(directory, name);
const journal = (name: string) => path(`.${name}.0123456789abcdef.journal`);
const working = (name: string) => path(`.${name}.0123456789abcdef.part`);

describe("a file as a sink", () => {
  it("has its name only once it is whole", async () => {
    const sink = await openFileSink(path("f"));
    expect(await sink.existingSize()).toBeUndefined();
    expect(await sink.open(ROOT, 8)).toMatchObject({ size: 0 });
    await sink.write(4, Buffer.from("4567"));
    await sink.write(0, Buffer.from("0123xx"));
    await sink.write(4, Buffer.from("4567zzzz"));
    const into = Buffer.alloc(20);
    expect(await sink.read("working", 2, into)).toBe(10);
    expect(existsSync(path("f"))).toBe(false);
    await sink.commit(8, "keep", CHECK);
    expect(readFileSync(path("f"), "utf8")).toBe("01234567");
    expect(existsSync(working("f"))).toBe(false);
    expect(await sink.existingSize()).toBe(8);
    expect(await sink.read("whole", 6, into)).toBe(2);
    await sink.close();
    await sink.close();
  });

  it("goes on with the working file that is there", async () => {
    writeFileSync(working("f"), "012");
    const sink = await openFileSink(path("f"));
    expect(await sink.open(ROOT, 8)).toMatchObject({ size: 3 });
    await sink.close();
    expect(existsSync(working("f"))).toBe(true);
    await sink.discard(ROOT);
    await sink.discard(ROOT);
    expect(existsSync(working("f"))).toBe(false);
  });

  it("never replaces what came into being meanwhile", async () => {
    const sink = await openFileSink(path("f"));
    await sink.open(ROOT, 8);
    await sink.write(0, Buffer.from("mine"));
    writeFileSync(path("f"), "theirs");
    await expect(sink.commit(4, "keep", CHECK)).rejects.toMatchObject({ code: "sink_exists" });
    expect(readFileSync(path("f"), "utf8")).toBe("theirs");
    await sink.close();
  });

  it.each(["removed", "replaced"])(
    "is not what has the name of a working file that was %s",
    async (what) => {
      const sink = await openFileSink(path("f"));
      await sink.open(ROOT, 8);
      await sink.write(0, Buffer.from("mine"));
      rmSync(working("f"));
      if (what === "replaced") writeFileSync(working("f"), "half");
      await expect(sink.commit(4, "replace", CHECK)).rejects.toMatchObject({ code: "sink_failed" });
      expect(existsSync(path("f"))).toBe(false);
      await sink.close();
    },
  );

  it("has a working file of its own for each content, and touches nobody's NAME.part", async () => {
    writeFileSync(path("f.part"), "a person's own");
    for (const root of [ROOT, "f".repeat(64)]) {
      const sink = await openFileSink(path("f"));
      expect(await sink.open(root, 8)).toMatchObject({ size: 0 });
      await sink.write(0, Buffer.from(root));
      await sink.close();
    }
    const sink = await openFileSink(path("f"));
    await sink.discard(ROOT);
    expect(readdirSync(directory).sort()).toEqual([".f.ffffffffffffffff.part", "f.part"]);
    expect(readFileSync(path("f.part"), "utf8")).toBe("a person's own");
  });

  it("leaves the bytes alone that a working file shares with another name", async () => {
    writeFileSync(path("kept"), "somebody's whole file");
    linkSync(path("kept"), working("f"));
    const sink = await openFileSink(path("f"));
    expect(await sink.open(ROOT, 8)).toMatchObject({ size: 0 });
    await sink.write(0, Buffer.from("other"));
    await sink.commit(5, "keep", CHECK);
    expect(readFileSync(path("kept"), "utf8")).toBe("somebody's whole file");
    expect(readFileSync(path("f"), "utf8")).toBe("other");
  });

  it.each(["n".repeat(255), "😀".repeat(63)])(
    "takes a name as long as there may be: %s",
    async (name) => {
      const sink = await openFileSink(path(name));
      await sink.open(ROOT, 8);
      const [only = ""] = readdirSync(directory);
      expect(Buffer.byteLength(only)).toBeLessThanOrEqual(255);
      expect(only).toMatch(/\.0123456789abcdef\.part$/);
      await sink.commit(0, "keep", CHECK);
      expect(readdirSync(directory)).toEqual([name]);
    },
  );

  it("follows no symbolic links", async () => {
    symlinkSync("elsewhere", path("f"));
    const sink = await openFileSink(path("f"));
    await expect(sink.existingSize()).rejects.toMatchObject({ code: "sink_exists" });
    symlinkSync(path("elsewhere"), working("g"));
    const other = await openFileSink(path("g"));
    await expect(other.open(ROOT, 8)).rejects.toMatchObject({ code: "sink_failed" });
    expect(existsSync(path("elsewhere"))).toBe(false);
  });

  it("is none in a directory that is not there, nor in place of one", async () => {
    await expect(openFileSink(path("no/f"))).rejects.toMatchObject({ code: "sink_failed" });
    mkdirSync(working("d"));
    const sink = await openFileSink(path("d"));
    await expect(sink.open(ROOT, 8)).rejects.toMatchObject({ code: "sink_failed" });
    await sink.close();
  });

  it("keeps a text beside the working file, with a mark that every write changes", async () => {
    const sink = await openFileSink(path("f"));
    const first = await sink.open(ROOT, 8);
    expect(first.note).toBeUndefined();
    await sink.write(0, Buffer.from("0123"));
    // A file system's clock may stand still for some milliseconds.
    utimesSync(working("f"), 1, 1);
    const marks: string[] = [first.mark];
    await sink.note((mark) => {
      marks.push(mark);
      return "the first";
    });
    await sink.note((mark) => {
      marks.push(mark);
      return "the second";
    });
    expect(marks[1]).not.toBe(marks[0]);
    expect(marks[2]).toBe(marks[1]);
    await sink.close();
    const again = await openFileSink(path("f"));
    expect(await again.open(ROOT, 8)).toEqual({ size: 4, mark: marks[2], note: "the second" });
    await again.write(1, Buffer.from("x"));
    expect((await again.open(ROOT, 8)).mark).not.toBe(marks[2]);
    await again.commit(4, "keep", CHECK);
    expect(readdirSync(directory)).toEqual(["f"]);
  });

  it("removes the text with the working file, and the half of one that a crash has left", async () => {
    const sink = await openFileSink(path("f"));
    await sink.open(ROOT, 8);
    await sink.note(() => "x");
    writeFileSync(`${journal("f")}~`, "half");
    await sink.discard(ROOT);
    expect(readdirSync(directory)).toEqual([]);
    await sink.close();
  });

  it("follows no symbolic link for the text either, and takes what is no text for a torn one", async () => {
    writeFileSync(path("secret"), "secret");
    symlinkSync("secret", journal("f"));
    const sink = await openFileSink(path("f"));
    expect((await sink.open(ROOT, 8)).note).toBeUndefined();
    symlinkSync("secret", `${journal("f")}~`);
    await expect(sink.note(() => "x")).rejects.toMatchObject({ code: "checkpoint_failed" });
    expect(readFileSync(path("secret"), "utf8")).toBe("secret");
    await sink.close();
    mkdirSync(journal("d"));
    const other = await openFileSink(path("d"));
    expect((await other.open(ROOT, 8)).note).toBe("");
    await other.close();
    execFileSync("mkfifo", [journal("p")]);
    const third = await openFileSink(path("p"));
    expect((await third.open(ROOT, 8)).note).toBe("");
    await third.close();
  });

  it("waits for nobody at a FIFO, and takes none for a file, whatever name of its own it has", async () => {
    execFileSync("mkfifo", [`${journal("f")}~`, working("g")]);
    const sink = await openFileSink(path("f"));
    await sink.open(ROOT, 8);
    await expect(sink.note(() => "x")).rejects.toMatchObject({ code: "checkpoint_failed" });
    // One with a reader opens, and would swallow the text.
    const reader = openSync(`${journal("f")}~`, constants.O_RDONLY | constants.O_NONBLOCK);
    await expect(sink.note(() => "x")).rejects.toMatchObject({ code: "checkpoint_failed" });
    closeSync(reader);
    await sink.close();
    expect(existsSync(journal("f"))).toBe(false);
    const other = await openFileSink(path("g"));
    await expect(other.open(ROOT, 8)).rejects.toMatchObject({ code: "sink_failed" });
    await other.close();
    symlinkSync("secret", working("h"));
    const third = await openFileSink(path("h"));
    await expect(third.open(ROOT, 8)).rejects.toMatchObject({ code: "sink_failed" });
    await third.close();
    expect(existsSync(path("secret"))).toBe(false);
  });
});
