// What is kept of examinations: for a start after a crash, by the same program, and nothing after an orderly end.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { VERSION } from "./config.ts";
import { openExaminations } from "./examined.ts";
import { AWS_CAPABILITIES } from "./storage/s3/capabilities.ts";
import type { Known } from "./storage/s3/examine.ts";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-examined-"));
  file = join(directory, "examined.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

const said: string[] = [];
const log = (_: string, event: string) => void said.push(event);
const open = () => openExaminations(directory, log);

const known: Known = {
  findings: [{ what: "cors", state: "limited", says: "no", means: "nothing" }],
  capabilities: { ...AWS_CAPABILITIES, partCountMax: 1000 },
  hasChecksums: false,
};

it("is there for the next start, each store by its name", () => {
  open().keep("a", known);
  open().keep("b", { ...known, hasChecksums: true });
  expect(open().find("a")).toEqual(known);
  expect(open().find("b")?.hasChecksums).toBe(true);
  expect(open().find("c")).toBeUndefined();
});

it("is gone after an orderly end", () => {
  const examinations = open();
  examinations.keep("a", known);
  examinations.forget();
  expect(open().find("a")).toBeUndefined();
  open().forget();
});

it("is nothing to another version of the program", () => {
  open().keep("a", known);
  writeFileSync(file, readFileSync(file, "utf8").replace(JSON.stringify(VERSION), '"0"'));
  expect(open().find("a")).toBeUndefined();
});

it.each(["", "{", "[]", "null", `{"program":"${VERSION}"}`])("may be damaged: %j", (text) => {
  writeFileSync(file, text);
  expect(open().find("a")).toBeUndefined();
});

it("is no reason not to start where nothing can be written", () => {
  mkdirSync(join(file, "in the way"), { recursive: true });
  said.length = 0;
  const examinations = open();
  examinations.keep("a", known);
  examinations.forget();
  expect(said).toHaveLength(2);
});
