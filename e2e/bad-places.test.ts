// What bad files and directories get from the command line: a code, a hint, an exit code, and nothing half done.
import { chmod, mkdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import {
  CLI_ENTRY,
  type Command,
  killServer,
  startCli,
  startProgram,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { describe, expect, it } from "vitest";
import { serveForTests } from "./kit/served.ts";
import { writeContent } from "./kit/source.ts";
import { startDownload, startUpload, uploaded } from "./kit/upload.ts";
import { servedDifference } from "./kit/wire.ts";

const { url, server, directory } = serveForTests();
const place = (name: string): string => join(directory(), name);
const state = (): string => place("state");

/** What a command that fails says last, and its exit code. */
async function failure(command: Command): Promise<readonly [string, number | null]> {
  const { code } = await command.exit;
  const last = command.events.at(-1);
  if (last?.name !== "error") throw new Error(`it ended with ${code}: ${command.stderr()}`);
  expect(command.strayLines).toEqual([]);
  expect(textOf(last, "hint")).toMatch(/\w+/);
  return [textOf(last, "code"), code];
}

/** Runs as somebody who is not root: root may read everything. */
function asOrdinaryUser(args: readonly string[], env: Record<string, string>): Command {
  const isRoot = process.getuid?.() === 0;
  const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const words = [process.execPath, CLI_ENTRY, ...args];
  return startProgram(words, isRoot ? { wrapper: drop, env } : { env });
}

describe("upload", () => {
  it("says that a file is not there", async () => {
    const command = startUpload(place("absent"), url(), state());
    expect(await failure(command)).toEqual(["source_unreadable", 4]);
  });

  it("says that an empty directory has nothing to send", async () => {
    await mkdir(place("a-directory"));
    const command = startUpload(place("a-directory"), url(), state());
    expect(await failure(command)).toEqual(["nothing_to_do", 9]);
  });

  it("says that a file may not be read", async () => {
    const open = place("open");
    await mkdir(open, { mode: 0o777 });
    await chmod(directory(), 0o755);
    await chmod(open, 0o777);
    await writeFile(join(open, "secret"), "secret");
    await chmod(join(open, "secret"), 0o000);
    const args = ["upload", join(open, "secret"), "--to", url(), "--json"];
    const command = asOrdinaryUser(args, { HOLDFAST_STATE_DIR: join(open, "state") });
    expect(await failure(command)).toEqual(["source_unreadable", 4]);
  });

  it("does not splice a file that shrinks while it is sent", async () => {
    const content = { seed: 91, size: 48 * MIB };
    await writeContent(place("shrinking"), content);
    const command = startUpload(place("shrinking"), url(), state(), ["--limit-rate", "16M"]);
    await command.event("created");
    await truncate(place("shrinking"), 5 * MIB);
    expect(await failure(command)).toEqual(["source_changed", 6]);
  });

  it("does not splice a file that changes while it is sent, and sends the new one when asked again", async () => {
    await writeContent(place("changing"), { seed: 92, size: 48 * MIB });
    const first = startUpload(place("changing"), url(), state(), ["--limit-rate", "16M"]);
    await first.event("created");
    const after = { seed: 93, size: 48 * MIB };
    await writeContent(place("changing"), after);
    expect(await failure(first)).toEqual(["source_changed", 6]);
    const done = await uploaded(startUpload(place("changing"), url(), state()));
    expect(await servedDifference(url(), new URL(done.url).pathname, after)).toBeUndefined();
  });
});

describe("download", () => {
  it("says that a file is not there", async () => {
    const command = startDownload(`${url()}/v1/files/${"a".repeat(26)}`, place("never"), state());
    expect(await failure(command)).toEqual(["file_not_found", 4]);
    await expect(stat(place("never"))).rejects.toThrow();
  });
});

describe("serve", () => {
  it("refuses a data directory that another server owns, and says who", async () => {
    const command = startCli(["serve", "--json", "--port", "0", "--data", place("data")]);
    expect(await failure(command)).toEqual(["data_dir_busy", 7]);
    const said = textOf(await command.event("error"), "message");
    expect(said).toContain(`${server().serverPid}`);
  });

  it("takes it over once that server is gone, however it went", async () => {
    const data = place("handed-over");
    const first = await startServer({ data, port: 0 });
    await killServer(first);
    const second = await startServer({ data, port: 0 });
    expect(second.serverPid).not.toBe(first.serverPid);
    await killServer(second);
  });

  it("refuses a data directory that is read-only", async () => {
    const data = place("read-only");
    await mkdir(data);
    await chmod(directory(), 0o755);
    await chmod(data, 0o555);
    const command = asOrdinaryUser(["serve", "--json", "--port", "0", "--data", data], {});
    expect(await failure(command)).toEqual(["data_dir_unusable", 7]);
  });

  it("refuses a file as its data directory", async () => {
    await writeFile(place("a-file"), "x");
    const command = startCli(["serve", "--json", "--port", "0", "--data", place("a-file")]);
    expect(await failure(command)).toEqual(["data_dir_unusable", 7]);
  });

  it("does not listen beyond this machine without protection", async () => {
    const data = place("exposed");
    const command = startCli([
      "serve",
      "--json",
      "--host",
      "0.0.0.0",
      "--port",
      "0",
      "--data",
      data,
    ]);
    expect(await failure(command)).toEqual(["insecure_bind", 2]);
  });

  it("says that the port is taken", async () => {
    const args = ["serve", "--json", "--port", `${server().port}`, "--data", place("second")];
    expect(await failure(startCli(args))).toEqual(["address_in_use", 7]);
  });
});
