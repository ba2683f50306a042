import { describe, expect, it } from "vitest";
import { readConfigText } from "./file.ts";

function problemsOf(text: string): readonly string[] {
  return readConfigText("/f", text).problems.map(
    ({ line, message, hint }) => `${line}: ${message} | ${hint}`,
  );
}

describe("a configuration file", () => {
  it("without anything wrong has no problems", () => {
    const text = `# mine
to = "https://files.example.org"
give-up = "1h"
[serve]
port = 80
insecure = true
[profile.work]
part-size = 1048576
[profile."far away"]
concurrency = 2
serve.host = "::1"
`;
    const { values, profiles, problems } = readConfigText("/f", text);
    expect(problems).toEqual([]);
    expect(values.get("serve.port")).toEqual({ value: 80, line: 5 });
    expect(values.get("serve.insecure")?.value).toBe(true);
    expect([...profiles.keys()]).toEqual(["work", "far away"]);
    expect(profiles.get("far away")?.get("serve.host")).toEqual({ value: "::1", line: 11 });
  });

  it.each([
    [
      "a typo",
      'a = 1\nlimt-rate = "1M"',
      '2: there is no setting "limt-rate" | Did you mean "limit-rate"?',
    ],
    ["an underscore", "give_up = 1", '1: there is no setting "give_up" | Did you mean "give-up"?'],
    [
      "a typo in a table",
      "[serve]\n\nprot = 1",
      '3: there is no setting "serve.prot" | Did you mean "serve.port"?',
    ],
    [
      "a typo in a table's name",
      "[serv]\nport = 1",
      "1: there is no table [serv] | Did you mean [serve]?",
    ],
    [
      "a typo in a profile",
      "[profile.a]\nconcurency = 1",
      '2: there is no setting "concurency" | Did you mean "concurrency"?',
    ],
    ["a list", "concurrency = [1]", "1: concurrency: it must be a whole number, not a list"],
    [
      "a text for a switch",
      '[serve]\ninsecure = "yes"',
      "2: serve.insecure: it must be true or false, not a text",
    ],
    ["a number for a text", "to = 1", "1: to: it must be an address in quotes"],
    ["a date", "give-up = 2026-01-01", "1: give-up: it must be a duration such as"],
    [
      "a truth for a size",
      "part-size = true",
      '1: part-size: it must be a size such as "2M", or a number of bytes, not true',
    ],
    ["what is out of range", "concurrency = 65", "1: concurrency: 65 is not from 1 to 64"],
    ["half a number", "concurrency = 1.5", '1: concurrency: "1.5" is no number from 1 to 64'],
    [
      "a password in the address",
      'to = "http://me:hunter2@h"',
      "1: to: the address has a name or a password in it",
    ],
    [
      "a token",
      'token = "hunter2"',
      "1: a token does not belong into this file | Write the token into a file of its own",
    ],
    [
      "a profile that is no table",
      "profile = 1",
      "1: profile must be a table | Write [profile.NAME]",
    ],
    [
      "a profile's profile",
      '[profile.a]\ndefault-profile = "b"',
      "2: default-profile cannot be set here",
    ],
    ["a table for a value", "[color]\nx = 1", "1: color: it must be a text in quotes, not a table"],
    ["what is no TOML", "to = http", "1: "],
  ])("with %s names the line and what is meant", (_name, text, expected) => {
    expect(problemsOf(text).join("\n")).toContain(expected);
    expect(problemsOf(text).join("\n")).not.toContain("hunter2");
  });

  it("has its problems in the order of their lines, one for each", () => {
    const lines = problemsOf("[serve]\nprot = 1\ndata = 2\n[profile.a]\nto = 3\n");
    expect(lines.map((line) => line.slice(0, 2))).toEqual(["2:", "3:", "5:"]);
  });
});
