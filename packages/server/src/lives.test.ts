// The names of a server's lives: each start knows those before it, whatever became of the file.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { beginLife } from "./lives.ts";

const directory = mkdtempSync(join(tmpdir(), "holdfast-lives-"));
afterAll(() => rmSync(directory, { recursive: true }));

const said: string[] = [];
const log = (_: string, event: string) => void said.push(event);

it("are another one at each start, and the last ones are known", () => {
  const hosts: string[] = [];
  for (let start = 0; start < 40; start++) {
    const { host, lives } = beginLife(directory, log);
    expect(lives).toEqual(hosts.slice(-32));
    hosts.push(host);
  }
  expect(new Set(hosts).size).toBe(40);
});

it.each(["", "{", "{}", "[1]"])("are nobody's where the file says %j", (text) => {
  writeFileSync(join(directory, "lives.json"), text);
  expect(beginLife(directory, log).lives).toEqual([]);
});

it("begin where nothing can be written, and say so", () => {
  rmSync(join(directory, "lives.json"));
  mkdirSync(join(directory, "lives.json"));
  said.length = 0;
  const { host, lives } = beginLife(directory, log);
  expect([host.length > 0, lives]).toEqual([true, []]);
  expect(said).toEqual([expect.stringMatching(/cannot be noted/)]);
});
