// Ownership of a data directory: exclusive between processes, free when its holder is killed, and clear about what it cannot use.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { isHoldfastError } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeOwnership } from "./owner.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const NOBODY = 65534;
const IS_ROOT = process.getuid?.() === 0;

/** Takes the directory of its first argument, prints what came of it as JSON, and lives on. */
const PROGRAM = `
  const { takeOwnership } = await import(process.argv[1]);
  try {
    takeOwnership(process.argv[2], new Date()).announce("http://127.0.0.1:8420");
    console.log("{}");
    setInterval(() => undefined, 1e6);
  } catch ({ code, message, details }) {
    console.log(JSON.stringify({ code, message, details }));
  }
`;

type Child = ChildProcessByStdio<null, Readable, null>;

async function startOwner(
  directory: string,
  wrapper: readonly string[] = [],
): Promise<{ readonly child: Child; readonly said: unknown }> {
  const source = new URL("./owner.ts", import.meta.url).href;
  const node = [process.execPath, "--input-type=module", "--eval", PROGRAM, source, directory];
  const [program = "", ...args] = [...wrapper, ...node];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, said: JSON.parse(line) };
}

async function kill({ child }: { readonly child: Child }): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** As a user whom permissions bind: root passes them all. */
async function startAsNobody(directory: string): Promise<unknown> {
  const user = ["--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups"];
  const owner = await startOwner(directory, IS_ROOT ? ["setpriv", ...user] : []);
  await kill(owner);
  return owner.said;
}

function refusalOf(path: string): { readonly code: string; readonly message: string } {
  try {
    takeOwnership(path, NOW).release();
  } catch (error) {
    if (isHoldfastError(error)) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("the owner of a data directory", () => {
  let base: string;
  let data: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "holdfast-owner-"));
    data = join(base, "data");
    if (IS_ROOT) chownSync(base, NOBODY, NOBODY);
  });
  afterEach(() => {
    chmodSync(base, 0o700);
    if (existsSync(data)) chmodSync(data, 0o700);
    rmSync(base, { recursive: true });
  });

  it("makes it for itself alone, and names itself in it", () => {
    const owner = takeOwnership(data, NOW);
    expect(owner.directory).toBe(data);
    expect(statSync(data).mode & 0o777).toBe(0o700);
    owner.announce("http://127.0.0.1:8420");
    expect(JSON.parse(readFileSync(join(data, "owner.json"), "utf8"))).toEqual({
      pid: process.pid,
      url: "http://127.0.0.1:8420",
      startedAt: "2026-03-01T12:00:00.000Z",
    });
    // Nothing else: SQLite's journal would want room on the disk.
    expect(readdirSync(data).sort()).toEqual(["owner.json", "owner.lock"]);
    owner.release();
    owner.release();
    expect(readdirSync(data)).toEqual(["owner.lock"]);
  });

  it("excludes a second one in the same process, until it lets go", () => {
    const owner = takeOwnership(data, NOW);
    owner.announce("http://127.0.0.1:8420");
    const holder = `process ${process.pid}, http://127.0.0.1:8420, since 2026-03-01T12:00:00.000Z`;
    expect(refusalOf(data)).toMatchObject({
      code: "data_dir_busy",
      message: `${data} is in use by ${holder}`,
      details: { holder, path: data },
    });
    // The failed attempt must not have taken the first one's lock with it.
    expect(refusalOf(data).code).toBe("data_dir_busy");
    owner.release();
    takeOwnership(data, NOW).release();
  });

  it("excludes another process, which says who has it, also after a failed attempt here", async () => {
    const owner = takeOwnership(data, NOW);
    expect(refusalOf(data).code).toBe("data_dir_busy");
    const other = await startOwner(data);
    await kill(other);
    owner.release();
    const holder = `process ${process.pid}, since 2026-03-01T12:00:00.000Z`;
    expect(other.said).toMatchObject({ code: "data_dir_busy", details: { holder } });
  });

  it("is excluded by another process, and no longer when that is killed", async () => {
    const other = await startOwner(data);
    expect(other.said).toEqual({});
    const { code, message } = refusalOf(data);
    expect(code).toBe("data_dir_busy");
    expect(message).toContain(`process ${other.child.pid}, http://127.0.0.1:8420, since 2`);
    await kill(other);
    expect(existsSync(join(data, "owner.json"))).toBe(true);
    takeOwnership(data, NOW).release();
  });

  it.each(["", "{", "[]", "null", '{"pid":', '{"pid":1}'])(
    "does not care for what a dead holder left: %s",
    (left) => {
      mkdirSync(data);
      writeFileSync(join(data, "owner.json"), left);
      const owner = takeOwnership(data, NOW);
      writeFileSync(join(data, "owner.json"), left);
      expect(refusalOf(data).message).toMatch(/ is in use by (another process|process 1)$/);
      owner.release();
    },
  );

  it("holds it without a name where the name cannot be written", () => {
    mkdirSync(join(data, "owner.json.new"), { recursive: true });
    writeFileSync(join(data, "owner.json"), '{"pid":1}');
    const owner = takeOwnership(data, NOW);
    owner.announce("http://127.0.0.1:8420");
    // Better nobody than the one before.
    expect(refusalOf(data).message).toBe(`${data} is in use by another process`);
    owner.release();
    takeOwnership(data, NOW).release();
  });

  it("keeps the permissions of a directory that was there, links followed", () => {
    mkdirSync(data);
    chmodSync(data, 0o750);
    const link = join(base, "link");
    symlinkSync(data, link);
    takeOwnership(link, NOW).release();
    expect(statSync(data).mode & 0o777).toBe(0o750);
  });

  it("refuses a file", () => {
    writeFileSync(data, "");
    const message = `${data}: it is not a directory`;
    expect(refusalOf(data)).toMatchObject({ code: "data_dir_unusable", message });
  });

  it("refuses a path that leads through a file", () => {
    const file = join(base, "file");
    writeFileSync(file, "");
    const inside = join(file, "data");
    const message = `${inside}: ${file} is not a directory`;
    expect(refusalOf(inside)).toMatchObject({ code: "data_dir_unusable", message });
  });

  it("refuses a directory without a parent", () => {
    const parent = join(base, "none");
    const message = `${join(parent, "data")}: ${parent} does not exist`;
    expect(refusalOf(join(parent, "data"))).toMatchObject({ code: "data_dir_unusable", message });
    expect(existsSync(parent)).toBe(false);
  });

  it.runIf(existsSync("/proc"))("refuses a parent that takes no directories", () => {
    const message = "/proc/nope: nothing can be made in /proc";
    expect(refusalOf("/proc/nope")).toMatchObject({ code: "data_dir_unusable", message });
  });

  it("refuses a lock that is no file of ours", () => {
    mkdirSync(join(data, "owner.lock"), { recursive: true });
    expect(refusalOf(data).code).toBe("data_dir_unusable");
  });

  it("refuses a link that leads nowhere", () => {
    symlinkSync(join(base, "nowhere"), data);
    expect(refusalOf(data)).toMatchObject({
      code: "data_dir_unusable",
      message: `${data}: it does not exist`,
    });
    rmSync(data);
  });

  it.each([0o500, 0o300, 0o600])(
    "refuses an ordinary user a directory of mode %o",
    async (mode) => {
      mkdirSync(data);
      if (IS_ROOT) chownSync(data, NOBODY, NOBODY);
      chmodSync(data, mode);
      expect(await startAsNobody(data)).toMatchObject({
        code: "data_dir_unusable",
        message: `${data}: this user may not read and write in it`,
      });
    },
  );

  it("refuses an ordinary user a new directory in one of mode 500", async () => {
    chmodSync(base, 0o500);
    expect(await startAsNobody(data)).toMatchObject({
      code: "data_dir_unusable",
      message: `${data}: this user may not make it in ${base}`,
    });
  });

  it("uses a directory in one that may not be read only if somebody else made it", async () => {
    chmodSync(base, 0o300);
    const refused = await startAsNobody(data);
    expect(refused).toMatchObject({ code: "data_dir_unusable" });
    expect(existsSync(data)).toBe(false);
    mkdirSync(data);
    if (IS_ROOT) chownSync(data, NOBODY, NOBODY);
    expect(await startAsNobody(data)).toEqual({});
  });

  it("refuses an ordinary user what another left there unreadable", async () => {
    takeOwnership(data, NOW).release();
    if (IS_ROOT) chownSync(data, NOBODY, NOBODY);
    chmodSync(join(data, "owner.lock"), 0o000);
    expect(await startAsNobody(data)).toMatchObject({ code: "data_dir_unusable" });
  });

  it("serves an ordinary user in a directory of its own", async () => {
    expect(await startAsNobody(data)).toEqual({});
  });
});
