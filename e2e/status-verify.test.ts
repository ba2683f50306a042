// Looking at uploads and files from outside, with real processes: status and verify.
import { randomBytes } from "node:crypto";
import { copyFile, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startCli, textOf } from "@holdfast/testkit/process";
import { passOn, startRelay } from "@holdfast/testkit/relay";
import { beforeAll, describe, expect, it } from "vitest";
import { eventOf, run } from "./kit/cli.ts";
import { serveForTests } from "./kit/served.ts";
import { createJob, putRun } from "./kit/wire.ts";

const served = serveForTests();
const SIZE = 3 * MIB + 5;
let home: string;
let url: string;

beforeAll(async () => {
  home = served.directory();
  await writeFile(join(home, "file"), randomBytes(SIZE));
  const sent = await run(home, ["upload", "file", "--to", served.url()]);
  url = sent.stdout;
});

describe("status", () => {
  it("tells how far an upload is, by address and by id", async () => {
    const job = await createJob(served.url(), { seed: 5, size: 4 * MIB });
    await putRun(served.url(), job, [1, 3]);
    const byId = await run(home, ["status", job.id, "--to", served.url(), "--json"]);
    expect(byId.code).toBe(0);
    expect(Object.fromEntries(eventOf(byId, "upload"))).toMatchObject({
      id: job.id,
      url: `${served.url()}/v1/uploads/${job.id}`,
      state: "open",
      size: 4 * MIB,
      partCount: 4,
      committedParts: 2,
      committedBytes: 2 * MIB,
      missing: [
        [0, 1],
        [3, 4],
      ],
      offset: 0,
    });
    const text = await run(home, ["status", `${served.url()}/v1/uploads/${job.id}`]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^state +open$/m);
    expect(text.stdout).toMatch(/^committed +2\.00 MiB of 4\.00 MiB \(50 %\), 2 of 4 parts$/m);
    expect(text.stdout).toMatch(/^missing +parts 0, 3$/m);
    expect(text.stdout).toMatch(
      /^expires +\d{4}-\d\d-\d\d \d\d:\d\d, in (?:23 h 59 min|1 d 00 h)$/m,
    );
  });

  it("finds the upload of a path by its checkpoint", async () => {
    await writeFile(join(home, "half"), randomBytes(SIZE));
    const words = ["upload", "half", "--to", served.url(), "--limit-rate", "50K", "--json"];
    const upload = startCli(words, { cwd: home, env: { HOLDFAST_STATE_DIR: home } });
    const id = textOf(await upload.event("created"), "id");
    const seen = await run(home, ["status", "half", "--to", served.url(), "--json"]);
    upload.kill("SIGKILL");
    await upload.exit;
    expect(eventOf(seen, "upload").get("id")).toBe(id);
    expect(eventOf(seen, "upload").get("state")).toBe("open");
    const done = await run(home, ["status", "file", "--to", served.url(), "--json"]);
    expect(eventOf(done, "upload").get("state")).toBe("complete");
  });

  it("tells what a file is", async () => {
    const { code, stdout } = await run(home, ["status", url]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^size +3\.00 MiB, 4 parts of 1\.00 MiB$/m);
    const id = url.slice(-26);
    const byId = await run(home, ["status", id, "--to", served.url(), "--json"]);
    expect(eventOf(byId, "file").get("url")).toBe(url);
  });

  it.each([
    ["an id that nobody has", ["status", "a".repeat(26), "--to", "URL"], 6, "upload_not_found"],
    ["a path that was never sent", ["status", "other", "--to", "URL"], 6, "upload_not_found"],
    ["a path that is not there", ["status", "none", "--to", "URL"], 4, "source_unreadable"],
    ["no server to ask", ["status", "a".repeat(26)], 2, "--to is missing"],
    ["another address", ["status", "URL/v1/other"], 2, "neither an upload's nor a file's"],
    ["nobody there", ["status", "a".repeat(26), "--to", "AWAY", "--give-up", "1s"], 5, "gave_up"],
  ])("says so of %s", async (_name, words, exit, said) => {
    await writeFile(join(home, "other"), "x");
    const away = `http://127.0.0.1:${await freePort()}`;
    const args = words.map((word) => word.replace("URL", served.url()).replace("AWAY", away));
    const { code, stdout, stderr } = await run(home, args);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toContain(said);
  });
});

describe("verify", () => {
  it("is content with a copy that is the same", async () => {
    const { code, stdout } = await run(home, ["verify", "file", url, "--download"]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      `file: every part is as the manifest says (3.00 MiB, 4 parts)\n${url}: every part is as the manifest says (3.00 MiB, 4 parts)`,
    );
  });

  it("names the parts that differ, with their offsets", async () => {
    await copyFile(join(home, "file"), join(home, "bad"));
    const handle = await open(join(home, "bad"), "r+");
    const there = Buffer.alloc(1);
    await handle.read(there, 0, 1, MIB + 17);
    await handle.write(Buffer.from([(there[0] ?? 0) ^ 1]), 0, 1, MIB + 17);
    await handle.truncate(3 * MIB);
    await handle.close();
    const text = await run(home, ["verify", "bad", url]);
    expect(text.code).toBe(6);
    expect(text.stdout).toBe(
      [
        "bad: 2 bad parts",
        `  part 1: other bytes at ${MIB} to ${2 * MIB - 1} (1.00 MiB)`,
        `  part 3: not there at ${3 * MIB} to ${3 * MIB + 4} (5 B)`,
      ].join("\n"),
    );
    const json = await run(home, ["verify", "bad", url, "--json"]);
    expect(json.code).toBe(6);
    expect(eventOf(json, "verified").get("bad")).toEqual([
      { index: 1, offset: MIB, size: MIB, problem: "differs" },
      { index: 3, offset: 3 * MIB, size: 5, problem: "missing" },
    ]);
  });

  it("sees that a copy is longer", async () => {
    await copyFile(join(home, "file"), join(home, "long"));
    const handle = await open(join(home, "long"), "a");
    await handle.write("more");
    await handle.close();
    const { code, stdout } = await run(home, ["verify", "long", url]);
    expect({ code, stdout }).toEqual({ code: 6, stdout: "long: 4 B more than the file has" });
  });

  it("finds what was damaged between the server's disk and here", async () => {
    const target = new URL(url);
    const damaging = await startRelay((asked, answer) =>
      passOn(target.origin, asked, answer, (piece, { headers }) => {
        if (headers["content-range"]?.startsWith(`bytes ${2 * MIB}-`))
          piece[0] = (piece[0] ?? 0) ^ 1;
        return piece;
      }),
    );
    const through = `${damaging.url}${target.pathname}`;
    const { code, stdout } = await run(home, ["verify", "file", through, "--download"]);
    await damaging.close();
    expect(code).toBe(7);
    expect(stdout).toContain(`  part 2: other bytes at ${2 * MIB}`);
  });

  it.each([
    ["no local copy", ["verify", "none", "FILE"], 4, "cannot read none"],
    ["a directory", ["verify", ".", "FILE"], 4, "source_unreadable"],
    [
      "no such file there",
      ["verify", "file", `URL/v1/files/${"a".repeat(26)}`],
      4,
      "file_not_found",
    ],
  ])("says so of %s", async (_name, words, exit, said) => {
    const args = words.map((word) => word.replace("FILE", url).replace("URL", served.url()));
    const { code, stderr } = await run(home, args);
    expect(code).toBe(exit);
    expect(stderr).toContain(said);
  });
});
