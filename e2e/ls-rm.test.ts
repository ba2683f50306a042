// Listing and removing files with real processes: whose they are, what a removal ends, what is asked before.
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import { CLI_ENTRY, startProgram } from "@holdfast/testkit/process";
import { describe, expect, it } from "vitest";
import { eventOf, run } from "./kit/cli.ts";
import { servePeople } from "./kit/people.ts";

const { home, base, tokenOf, as } = servePeople({
  owner: { scope: "read,write", tenant: "a" },
  reader: { scope: "read", tenant: "a" },
  stranger: { scope: "read,write", tenant: "b" },
});

async function uploaded(name: string): Promise<string> {
  await writeFile(join(home(), name), randomBytes(1000));
  const { stdout, stderr } = await as("owner", ["upload", name]);
  if (!stdout.startsWith("http")) throw new Error(stderr);
  return stdout;
}

async function listed(name: Parameters<typeof as>[0]): Promise<readonly unknown[]> {
  const { events } = await as(name, ["ls", "--all", "--json"]);
  return events.map(({ fields }) => fields.get("name"));
}

describe("ls", () => {
  it("takes the address as the other commands do", async () => {
    const url = await uploaded("by-address");
    const env = { HOLDFAST_TOKEN: tokenOf("owner"), HOLDFAST_TO: "http://127.0.0.1:1" };
    const said = await run(home(), ["ls", base()], { env });
    expect([said.code, said.stdout]).toEqual([0, expect.stringContaining("by-address")]);
    expect((await as("owner", ["rm", "--yes", url])).code).toBe(0);
    const wrong = await run(home(), ["ls", "127.0.0.1:8420"], { env });
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringContaining("begins with https://"),
    ]);
  });

  it("lists the newest first, a page at a time, to whoever may read", async () => {
    const urls: string[] = [];
    for (const name of ["one", "two", "three"]) urls.push(await uploaded(name));
    const all = await as("reader", ["ls", "--json"]);
    expect(all.code).toBe(0);
    expect(all.events.map(({ name }) => name)).toEqual(["file", "file", "file"]);
    expect(all.events.map(({ fields }) => fields.get("url"))).toEqual(urls.toReversed());
    expect(Object.fromEntries(all.events[0]?.fields ?? [])).toMatchObject({
      name: "three",
      size: 1000,
      type: "application/octet-stream",
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
      createdAt: expect.any(Number),
    });
    const page = await as("owner", ["ls", "--limit", "2", "--json"]);
    expect(page.events.map(({ name }) => name)).toEqual(["file", "file", "more"]);
    const after = String(eventOf(page, "more").get("after"));
    const rest = await as("owner", ["ls", "--after", after, "--json"]);
    expect(eventOf(rest, "file").get("name")).toBe("one");
    const text = await as("owner", ["ls", "--limit", "2"]);
    expect(text.stdout).toMatch(/^[a-z2-7]{26} {5}1000 B {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}three\n/);
    expect(text.stderr).toContain("--after");
    const long = await as("owner", ["ls", "--long"]);
    expect(long.stdout).toContain(`    ${urls[0]}`);
  });

  it("shows another tenant nothing of it", async () => {
    expect(await listed("stranger")).toEqual([]);
  });

  it.each([
    ["no server", { HOLDFAST_TO: "" }, [], 2, "--to is missing"],
    ["a server away", {}, ["--to", "AWAY", "--give-up", "1s"], 5, "(gave_up)"],
    ["no token", {}, [], 77, "(unauthorized)"],
    ["a limit that is none", {}, ["--limit", "0"], 2, "is not a number"],
  ])("says so of %s", async (_name, env, more, exit, said) => {
    const away = `http://127.0.0.1:${await freePort()}`;
    const words = ["ls", ...more.map((word) => word.replace("AWAY", away))];
    const found = await run(home(), words, { env: { HOLDFAST_TO: base(), ...env } });
    expect({ code: found.code, stdout: found.stdout }).toEqual({ code: exit, stdout: "" });
    expect(found.stderr).toContain(said);
  });
});

describe("rm", () => {
  it("removes what is named, and what stays does not keep the others", async () => {
    const [here, there] = [await uploaded("here"), await uploaded("there")];
    const none = `${base()}/v1/files/${"a".repeat(26)}`;
    const said = await as("owner", ["rm", "--yes", here, none, there.slice(-26)]);
    expect(said.code).toBe(4);
    expect(said.stdout).toBe(`${here}\n${there}`);
    expect(said.stderr).toContain(`${none} stays:`);
    expect(said.stderr).toContain("(file_not_found)");
    expect(await listed("owner")).not.toContain("here");
    const gone = await as("owner", ["download", here, "-o", "copy"]);
    expect(gone.code).toBe(4);
  });

  it("ends an upload that is named", async () => {
    const created = await fetch(`${base()}/v1/uploads`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${tokenOf("owner")}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ name: "half", size: 5 }),
    });
    const url = `${base()}${created.headers.get("location")}`;
    const said = await as("owner", ["rm", "--yes", url, "--json"]);
    expect([said.code, eventOf(said, "removed").get("kind")]).toEqual([0, "upload"]);
    expect(eventOf(await as("owner", ["status", url, "--json"]), "upload").get("state")).toBe(
      "aborted",
    );
  });

  it("removes nothing of another tenant's, and nothing for who may only read", async () => {
    const url = await uploaded("kept");
    const stranger = await as("stranger", ["rm", "--yes", url, "--json"]);
    expect([stranger.code, eventOf(stranger, "error").get("code")]).toEqual([4, "file_not_found"]);
    const reader = await as("reader", ["rm", "--yes", url, "--json"]);
    expect([reader.code, eventOf(reader, "error").get("code")]).toEqual([77, "forbidden"]);
    expect(await listed("owner")).toContain("kept");
  });

  it("is not the only way in which another tenant's files and uploads do not exist", async () => {
    const url = await uploaded("hidden");
    const answers = await Promise.all([
      as("stranger", ["status", url]),
      as("stranger", ["status", url.slice(-26)]),
      as("stranger", ["verify", "hidden", url]),
      as("stranger", ["download", url, "-o", "stolen"]),
    ]);
    expect(answers.map(({ code }) => code)).toEqual([4, 6, 4, 4]);
    for (const { stdout } of answers) expect(stdout).toBe("");
  });

  it("wants a terminal to ask on, or --yes", async () => {
    const url = await uploaded("asked");
    const said = await as("owner", ["rm", url]);
    expect(said.code).toBe(2);
    expect(said.stderr).toContain("With --yes");
    expect(await listed("owner")).toContain("asked");
  });

  it.each([
    ["n", 9, true],
    ["y", 0, false],
  ])("answered with %s on a terminal ends with %i", async (answer, exit, isThere) => {
    const url = await uploaded(`terminal-${answer}`);
    const line = `${process.execPath} ${CLI_ENTRY} rm ${url}`;
    // A pseudo-terminal: what is piped into script is typed there.
    const typed = `(sleep 1; echo ${answer}; sleep 2) | script -qec '${line}' /dev/null`;
    const env = { HOLDFAST_TOKEN: tokenOf("owner"), XDG_CONFIG_HOME: home() };
    const { exit: ended, strayLines } = startProgram(["sh", "-c", typed], { cwd: home(), env });
    const { code } = await ended;
    expect(strayLines.join("\n")).toContain("Remove it for good? [y/N]");
    expect(code).toBe(exit);
    expect((await listed("owner")).includes(`terminal-${answer}`)).toBe(isThere);
  });

  it("takes no path of this machine", async () => {
    const said = await as("owner", ["rm", "--yes", "one"]);
    expect(said.code).toBe(2);
    expect(said.stderr).toContain("never on this machine");
  });
});
