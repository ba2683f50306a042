// docs/compare.md shows the rows that there are, in their words: who changes one makes the tables anew (`npm run conformance -- --table`).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SUITES } from "./suite.ts";
import { clausesOf } from "./table.ts";

const page = readFileSync(new URL("../../docs/compare.md", import.meta.url), "utf8");

test.each(SUITES)(
  "the page has every clause of $title, and Holdfast fails none of them",
  (suite) => {
    const passed = suite.rows.map((row) => ({ row, verdict: { kind: "passed" } as const }));
    const [, , ...lines] = clausesOf([{ name: "any", results: passed }]);
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) {
      const clause = line.slice(0, line.lastIndexOf(" | "));
      const shown = page.split("\n").find((one) => one.startsWith(`${clause} | `));
      expect(shown, clause).toBeDefined();
      expect(shown?.slice(clause.length).split("|")[1], clause).not.toContain("no");
    }
  },
);
