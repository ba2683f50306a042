// What a log line shows, and what it never does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { createLog, type LogLevel } from "./log.ts";

const ID = "abcdefghijklmnopqrstuvwx2a";

function logged(level: LogLevel, secrets: string[] = []) {
  const lines: string[] = [];
  return { lines, log: createLog({ level, secrets, write: (line) => lines.push(line) }) };
}

describe("the log", () => {
  it("is one line of JSON an event", () => {
    const { lines, log } = logged("info");
    log("info", "listening", { url: "http://a", note: "two\nlines" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("\n");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "info",
      event: "listening",
      url: "http://a",
      note: "two\nlines",
    });
  });

  it.each([
    ["silent", []],
    ["error", ["c"]],
    ["warn", ["b", "c"]],
    ["info", ["a", "b", "c"]],
    ["debug", ["d", "a", "b", "c"]],
  ] as const)("at level %s shows %j", (level, events) => {
    const { lines, log } = logged(level);
    log("debug", "d");
    log("info", "a");
    log("warn", "b");
    log("error", "c");
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(events);
  });

  it("is text for people, one line an event whatever a name holds", () => {
    const lines: string[] = [];
    const log = createLog({ level: "info", format: "text", write: (line) => lines.push(line) });
    const forged = 'a.txt\n2026-01-01T00:00:00.000Z INFO  listening url=x "';
    log("warn", "request", {
      status: 404,
      from: "10.0.0.1",
      file: forged,
      none: undefined,
      id: ID,
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("\n");
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\dT\S+Z WARN {2}request status=404 from=10\.0\.0\.1 file="a\.txt\\n2026-.* \\"" id=[0-9a-f]{8}$/,
    );
    log("info", "two words", { note: "plain words", odd: "a=b", error: new Error("no") });
    expect(lines[1]).toMatch(/INFO {2}two words note=plain words odd="a=b" error=\{"name":"Error"/);
  });

  it("has nothing in it that a terminal takes for a command or another direction, and says the same", () => {
    const file = "a\u009b2J\u2028b\u202egpj\u200f\u{e0041}";
    for (const format of ["json", "text"] as const) {
      const lines: string[] = [];
      createLog({ level: "info", format, write: (line) => lines.push(line) })("info", "x", {
        file,
      });
      const [line = ""] = lines;
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      expect(JSON.parse(/"a[^"]*"/.exec(line)?.[0] ?? "")).toBe(file);
    }
  });

  it("shows errors with their causes", () => {
    const { lines, log } = logged("info");
    const cause = Object.assign(new Error("EIO: bad sector"), { code: "EIO" });
    log("error", "failed", { error: new HoldfastError("storage_failed", "no", {}, cause) });
    expect(JSON.parse(lines[0] ?? "").error).toMatchObject({
      code: "storage_failed",
      message: "no",
      cause: { code: "EIO", message: "EIO: bad sector" },
    });
  });

  it("shows ids only as 8 digits, the same for the same id", () => {
    const { lines, log } = logged("info");
    log("info", "a", { upload: ID, path: `/data/uploads/${ID}.bytes` });
    log("info", "b", { error: new Error(`at /v1/uploads/${ID}/parts/0`) });
    expect(lines.join()).not.toContain(ID);
    const short = JSON.parse(lines[0] ?? "").upload;
    expect(short).toMatch(/^[0-9a-f]{8}$/);
    expect(lines[0]).toContain(`/data/uploads/${short}.bytes`);
    expect(lines[1]).toContain(`/v1/uploads/${short}/parts/0`);
  });

  it("costs the process nothing when nobody reads it any more", async () => {
    const program = `
      const { createLog } = await import(process.argv[1]);
      const log = createLog({ level: "info" });
      process.stdin.on("data", () => {
        log("info", "one");
        setImmediate(() => log("info", "two"));
      });
      process.stdin.on("end", () => process.exit(7));
    `;
    const source = new URL("./log.ts", import.meta.url).href;
    const words = ["--input-type=module", "--eval", program, source];
    const child = spawn(process.execPath, words, { stdio: ["pipe", "ignore", "pipe"] });
    const exited = once(child, "exit");
    child.stderr.destroy();
    await once(child.stderr, "close");
    child.stdin.write("go");
    child.stdin.end();
    expect(await exited).toEqual([7, null]);
  });

  it("never shows secrets", () => {
    const { lines, log } = logged("info", ['to"ken']);
    log("error", "a", { header: "Bearer abcdef", error: new Error('sent to"ken here') });
    expect(lines[0]).not.toContain("abcdef");
    expect(JSON.parse(lines[0] ?? "").error.message).toBe("sent *** here");
  });

  it.each([
    ["a token, but its id", `with hf_abcdefgh_${"q".repeat(32)}`, "with hf_abcdefgh_***"],
    ["a signature", "PUT /p/k/u/0?exp=1&sig=AAAA-_b&e=0", "PUT /p/k/u/0?exp=1&sig=***&e=0"],
    ["a credential of S3", "GET /?X-Amz-Signature=ab&x=1", "GET /?X-Amz-Signature=***&x=1"],
    ["a password in an address", "at postgres://u:p%40ss@h/d, x:y", "at postgres://u:***@h/d, x:y"],
    [
      "a password behind an address",
      "at postgres://u@h/d?password=p&x=1",
      "at postgres://u@h/d?password=***&x=1",
    ],
    ["another scheme", "Basic QWxhZGRpbg==", "Basic ***"],
    ["a header as a member", { authorization: "abc" }, { authorization: "***" }],
    ["a member with quotes in it", { token: 'a"b\\"c', x: 1 }, { token: "***", x: 1 }],
  ])("never shows %s", (_name, note, shown) => {
    const { lines, log } = logged("info");
    log("info", "a", { note });
    expect(JSON.parse(lines[0] ?? "").note).toEqual(shown);
  });
});
