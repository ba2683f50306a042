// The layers of the configuration, with the real command: which one counts, what is said of a mistake, what is never printed.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killServer, startCli, startServer } from "@holdfast/testkit/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-config-"));
});
afterAll(() => rm(place, { recursive: true }));

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const command = startCli(args, { cwd: place, env: { HOLDFAST_TOKEN: "", ...env } });
  const { code } = await command.exit;
  const lines = [...command.events.map(({ fields }) => JSON.stringify(Object.fromEntries(fields)))];
  return {
    code,
    stdout: [...command.strayLines, ...lines].join("\n"),
    stderr: command.stderr(),
  };
}

async function configured(text: string): Promise<string> {
  const path = join(place, "config.toml");
  await writeFile(path, text);
  return path;
}

describe("config show", () => {
  it("tells of each setting where it comes from, and shows no token", async () => {
    const HOLDFAST_CONFIG = await configured('to = "http://127.0.0.1:1"\n[profile.w]\ngive-up = 9');
    const env = { HOLDFAST_CONFIG, HOLDFAST_TOKEN: "hunter2", HOLDFAST_LIMIT_RATE: "2M" };
    const { code, stdout } = await run(["config", "show", "--origin", "--profile", "w"], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^to +http:\/\/127\.0\.0\.1:1 +file \(.*config\.toml line 1\)$/m);
    expect(stdout).toMatch(/^give-up +9 s +profile \(.*config\.toml line 3\)$/m);
    expect(stdout).toMatch(/^limit-rate +2\.00 MiB\/s +environment \(HOLDFAST_LIMIT_RATE\)$/m);
    expect(stdout).toMatch(/^token +\(set, not shown\) +environment \(HOLDFAST_TOKEN\)$/m);
    const json = await run(["config", "show", "--json"], env);
    expect(json.stdout).toMatch(/"event":"setting".*"name":"token","value":null,/);
    expect(stdout + json.stdout).not.toContain("hunter2");
  });
});

describe("a password of a database in the file", () => {
  it("is covered where it is shown, and wants a file that only its owner may read", async () => {
    const text = '[serve]\nmetadata = "postgres://u:hunter2@db.example/files"\n';
    const HOLDFAST_CONFIG = await configured(text);
    await chmod(HOLDFAST_CONFIG, 0o644);
    const shown = await run(["config", "show"], { HOLDFAST_CONFIG });
    expect(shown.stdout).toMatch(/^serve\.metadata +postgres:\/\/u:\*\*\*@db\.example\/files$/m);
    const check = await run(["config", "check"], { HOLDFAST_CONFIG });
    expect([check.code, check.stdout]).toEqual([
      0,
      expect.stringContaining("can be read by others"),
    ]);
    await chmod(HOLDFAST_CONFIG, 0o600);
    const again = await run(["config", "check"], { HOLDFAST_CONFIG });
    expect(again.stdout).not.toContain("can be read by others");
    expect(shown.stdout + check.stdout + again.stdout).not.toContain("hunter2");
  });
});

describe("a mistake in the file", () => {
  it("stops every command that uses it, with its line and the nearest key", async () => {
    const HOLDFAST_CONFIG = await configured('\nlimt-rate = "2M"\n');
    for (const words of [
      ["upload", "x"],
      ["serve", "--port", "0"],
      ["config", "show"],
    ]) {
      const { code, stderr } = await run(words, { HOLDFAST_CONFIG });
      expect({ words, code }).toEqual({ words, code: 2 });
      expect(stderr).toContain('config.toml line 2: there is no setting "limt-rate"');
      expect(stderr).toContain('Did you mean "limit-rate"?');
    }
    const check = await run(["config", "check"], { HOLDFAST_CONFIG });
    expect(check.code).toBe(2);
    expect(check.stdout).toMatch(/line 2: there is no setting "limt-rate"\n {2}Did you mean/);
  });

  it("is found by check in a profile that nobody uses, and in a variable", async () => {
    const token = join(place, "token");
    await writeFile(token, "a-token\n");
    await chmod(token, 0o644);
    const HOLDFAST_CONFIG = await configured(
      `token-file = "token"\n[profile.a]\ntoken-file = "none"\n`,
    );
    const { code, stdout } = await run(["config", "check"], {
      HOLDFAST_CONFIG,
      HOLDFAST_LIMT_RATE: "1M",
    });
    expect(code).toBe(2);
    expect(stdout).toContain("HOLDFAST_LIMT_RATE: there is no variable HOLDFAST_LIMT_RATE");
    expect(stdout).toContain("can be read by others on this machine");
    expect(stdout).toContain(`there is no token file ${join(place, "none")}`);
  });
});

describe("an upload", () => {
  it("needs no address and no token on its command line: the file, a profile or the environment say them", async () => {
    const env = { HOLDFAST_TOKEN: "first-token-of-two" };
    const first = await startServer({ data: join(place, "first"), port: 0, env });
    const second = await startServer({ data: join(place, "second"), port: 0 });
    await writeFile(join(place, "token"), "first-token-of-two\n");
    await chmod(join(place, "token"), 0o600);
    await writeFile(join(place, "x"), "some bytes");
    const HOLDFAST_CONFIG = await configured(
      `to = "${first.url}"\ntoken-file = "token"\n[profile.other]\nto = "${second.url}"\n`,
    );
    const own = { HOLDFAST_CONFIG, HOLDFAST_STATE_DIR: join(place, "state") };
    const sent = [
      await run(["upload", "x"], own),
      await run(["upload", "x", "--profile", "other"], own),
      await run(["upload", "x"], { ...own, HOLDFAST_TO: second.url }),
      await run(["upload", "x", "--to", first.url], { ...own, HOLDFAST_TO: second.url }),
    ];
    expect(sent.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const origins = sent.map(({ stdout }) => new URL(stdout).origin);
    expect(origins).toEqual([first.url, second.url, second.url, first.url]);
    const listed = await run(["ls"], own);
    expect([listed.code, listed.stdout]).toEqual([0, expect.stringMatching(/ {2}x$/)]);
    // A wrong token in the environment counts before the right one in the file.
    expect((await run(["ls"], { ...own, HOLDFAST_TOKEN: "another" })).code).toBe(77);
    await Promise.all([killServer(first), killServer(second)]);
  });
});

describe("config check", () => {
  it.each([
    ["an empty file", "", "config.toml is in order."],
    ["no file", undefined, "There is no configuration file, and none is needed."],
  ])("is content with %s", async (_name, text, said) => {
    const named = text === undefined ? {} : { HOLDFAST_CONFIG: await configured(text) };
    const { code, stdout } = await run(["config", "check"], named);
    expect(code).toBe(0);
    expect(stdout).toContain(said);
  });

  it("wants a file that is named", async () => {
    const { code, stderr } = await run(["config", "check", "--config", "none.toml"]);
    expect(code).toBe(2);
    expect(stderr).toContain("there is no configuration file");
  });
});

describe("config path", () => {
  it("is below the directory that the system names for such things", async () => {
    const { code, stdout } = await run(["config", "path"], { XDG_CONFIG_HOME: place });
    expect({ code, stdout }).toEqual({ code: 0, stdout: join(place, "holdfast", "config.toml") });
  });
});
