import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { settingsOf } from "./resolve.ts";
import type { SettingName } from "./table.ts";
import { readToken } from "./token.ts";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-token-"));
  await writeFile(join(place, "token"), "from-file\n");
  await writeFile(join(place, "bad"), "two secrets");
});
afterAll(() => rm(place, { recursive: true }));

function tokenOf(env: Record<string, string | undefined>, file?: string): Promise<unknown> {
  const flags = new Map<SettingName, string>(file === undefined ? [] : [["token-file", file]]);
  const sources = { flags, env, platform: process.platform, directory: place };
  return readToken(settingsOf(sources, undefined), "token-file");
}

describe("the token", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["a-token", "a-token"],
    ["a-token\n", "a-token"],
    [" a-token\r\n", "a-token"],
  ])("in %j is %j", async (given, token) => {
    expect(await tokenOf({ HOLDFAST_TOKEN: given })).toBe(token);
  });

  it.each(["two secrets", "two\nsecrets", "sécret", "secret\u0000", "\u{1f511}", " ", "\n"])(
    "is not %j, and that is not repeated",
    async (given) => {
      await expect(tokenOf({ HOLDFAST_TOKEN: given })).rejects.toMatchObject({
        code: "usage",
        message: "HOLDFAST_TOKEN holds no token",
      });
    },
  );

  it("comes from a file where an option or a variable names one", async () => {
    expect(await tokenOf({}, "token")).toBe("from-file");
    expect(await tokenOf({ HOLDFAST_TOKEN_FILE: join(place, "token") })).toBe("from-file");
  });

  it("of the option stands before the variable, the variable before the variable that names a file", async () => {
    const HOLDFAST_TOKEN = "from-variable";
    expect(await tokenOf({ HOLDFAST_TOKEN }, "token")).toBe("from-file");
    const HOLDFAST_TOKEN_FILE = join(place, "token");
    expect(await tokenOf({ HOLDFAST_TOKEN, HOLDFAST_TOKEN_FILE })).toBe("from-variable");
  });

  it("in a file that is missing or holds something else is wrong usage that does not repeat it", async () => {
    await expect(tokenOf({}, "none")).rejects.toMatchObject({
      code: "usage",
      message: `there is no token file ${join(place, "none")}`,
    });
    const refused = await tokenOf({}, "bad").catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "usage" });
    expect(JSON.stringify(refused) + String(refused)).not.toContain("secrets");
  });
});
