// The names of a server's lives: each start knows those before it, whatever became of the file.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { beginLife } from "./lives.ts";

const directory = mkdtempSync(join(tmpdir(), "holdfast-lives-"));
afterAll(() => rmSync(directory, { recursive: true }));

it("are another one at each start, and the last ones are known", () => {
  const hosts: string[] = [];
  for (let start = 0; start < 40; start++) {
    const { host, lives } = beginLife(directory);
    expect(lives).toEqual(hosts.slice(-32));
    hosts.push(host);
  }
  expect(new Set(hosts).size).toBe(40);
});

it.each(["", "{", "{}", "[1]"])("are nobody's where the file says %j", (text) => {
  writeFileSync(join(directory, "lives.json"), text);
  expect(beginLife(directory).lives).toEqual([]);
});
