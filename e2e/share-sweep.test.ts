// Links for others, and sweeping on demand, with real processes and tokens of several scopes.
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { showEvent } from "@holdfast/testkit/process";
import { beforeAll, describe, expect, it } from "vitest";
import { eventOf } from "./kit/cli.ts";
import { servePeople } from "./kit/people.ts";

const SIZE = 2_000_000;
let url: string;
const { home, as } = servePeople({
  owner: { scope: "read,write", tenant: "a" },
  stranger: { scope: "read,write", tenant: "b" },
  operator: { scope: "admin", tenant: "a" },
});

beforeAll(async () => {
  await writeFile(join(home(), "file"), randomBytes(SIZE));
  url = (await as("owner", ["upload", "file"])).stdout;
});

describe("share", () => {
  it("makes a link that anybody may download, look at and verify by, without a token", async () => {
    const shared = await as("owner", ["share", url, "--expires", "2h", "--json"]);
    const link = String(eventOf(shared, "link").get("url"));
    const left = Number(eventOf(shared, "link").get("expiresAt")) - Date.now();
    expect(left / 3_600_000).toBeCloseTo(2, 1);
    const down = await as("", ["download", link, "-o", "copy", "--json"]);
    expect(down.code).toBe(0);
    expect(await readFile(join(home(), "copy"))).toEqual(await readFile(join(home(), "file")));
    // What signs it is a secret: it stands in nothing that is printed.
    const signature = new URL(link).searchParams.get("sig") ?? "none";
    expect(eventOf(down, "complete").get("url")).toBe(url);
    const others = [await as("", ["verify", "copy", link]), await as("", ["status", link])];
    expect(others.map(({ code }) => code)).toEqual([0, 0]);
    const removed = await as("", ["rm", "--yes", link]);
    expect(removed.code).toBe(2);
    const again = [
      await as("", ["status", link, "--json"]),
      await as("", ["verify", "copy", link, "--download"]),
      await as("", ["verify", "copy", link, "--download", "--json"]),
      await as("", ["download", link, url, "-o", "here", "--verbose"]),
      await as("", ["download", link, "-o", "here", "--dry-run"]),
      await as("", ["download", `${link}#x`, "-o", "here"]),
    ];
    const said = [down, ...others, removed, ...again].map(({ stdout, stderr, events }) =>
      [stdout, stderr, ...events.map(showEvent)].join("\n"),
    );
    expect(said.join("\n")).not.toContain(signature);
    expect((await fetch(link)).status).toBe(200);
  });

  it("prints the link alone on standard output, and draws it where that is asked for", async () => {
    const said = await as("owner", ["share", url.slice(-26), "--qr"]);
    expect(said.stdout).toMatch(/^http:\S+&sig=\S+$/);
    expect(said.stderr).toMatch(/^Good until \d{4}-/);
    expect(said.stderr).toMatch(/[▀▄█]{10}/);
  });

  it("is refused once it is changed, and ends with its file", async () => {
    await writeFile(join(home(), "short"), "short-lived");
    const short = (await as("owner", ["upload", "short"])).stdout;
    const link = (await as("owner", ["share", short])).stdout;
    const forged = await as("", ["download", link.replace(/exp=\d/, "exp=9"), "-o", "forged"]);
    expect(forged.code).toBe(77);
    expect(forged.stderr).toContain("(signature_refused)");
    expect((await as("owner", ["rm", "--yes", short])).code).toBe(0);
    expect((await as("", ["download", link, "-o", "gone"])).code).toBe(4);
  });

  it.each([
    ["another tenant's file", "stranger", 4, "(file_not_found)"],
    ["nobody's right", "", 77, "(unauthorized)"],
  ] as const)("is not had of %s", async (_name, who, exit, said) => {
    const { code, stdout, stderr } = await as(who, ["share", url]);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toContain(said);
  });
});

describe("share --revoke", () => {
  it("takes one link back, and no other", async () => {
    const [one, other] = [
      (await as("owner", ["share", url])).stdout,
      (await as("owner", ["share", url])).stdout,
    ];
    const said = await as("owner", ["share", "--revoke", one]);
    expect([said.code, said.stdout, said.stderr]).toEqual([0, "", "The link counts no more.\n"]);
    expect((await as("", ["download", one, "-o", "revoked"])).stderr).toContain(
      "signature_refused",
    );
    expect((await as("", ["download", other, "-o", "standing"])).code).toBe(0);
    expect((await as("stranger", ["share", "--revoke", other])).code).toBe(4);
    expect((await as("owner", ["share", "--revoke", url])).code).toBe(2);
    const signature = new URL(one).searchParams.get("sig") ?? "none";
    const again = await as("owner", ["share", "--revoke", one, "--json"]);
    expect(eventOf(again, "revoked").get("url")).toBe(url);
    expect(again.events.map(showEvent).join()).not.toContain(signature);
  });
});

describe("share --public", () => {
  it("lets everybody download it, verified, until it is private again", async () => {
    const said = await as("owner", ["share", url, "--public"]);
    expect(said.code).toBe(0);
    expect(said.stdout).toMatch(/\/public\/[a-z2-7]{26}$/);
    const answer = await fetch(said.stdout);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect((await as("", ["download", said.stdout, "-o", "public"])).code).toBe(0);
    expect(await readFile(join(home(), "public"))).toEqual(await readFile(join(home(), "file")));
    expect((await as("stranger", ["share", url, "--private"])).code).toBe(4);
    expect((await as("owner", ["share", url, "--private"])).code).toBe(0);
    expect((await as("", ["download", said.stdout, "-o", "private"])).code).toBe(4);
  });
});

describe("sweep", () => {
  it("tells what would go, and removes it, for who administers", async () => {
    const dry = await as("operator", ["sweep", "--dry-run", "--json"]);
    expect(Object.fromEntries(eventOf(dry, "sweep"))).toMatchObject({ isDryRun: true, failed: 0 });
    const text = await as("operator", ["sweep"]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^Gone:\n +\d+ +\d.* {2}uploads whose time is over\n/);
    expect((await as("owner", ["status", url])).code).toBe(0);
  });

  it("is not for everybody", async () => {
    const said = await as("owner", ["sweep", "--dry-run"]);
    expect(said.code).toBe(77);
    expect(said.stderr).toContain("(forbidden)");
  });
});
