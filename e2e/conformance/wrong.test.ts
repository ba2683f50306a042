// The suite against a server that is right, and against one that is wrong in one point at a time: no row passes whatever comes, and none is made to fail.
import { describe, expect, test } from "vitest";
import type { Names } from "./judge.ts";
import { FILE_CONTENT } from "./ours.ts";
import { valuesOfFile } from "./ranges/offer.ts";
import { runRow, type Target } from "./run.ts";
import { SUITES } from "./suite.ts";
import { answerAs, liesAbout } from "./wrong.ts";

const HERE = "http://server.example/files";

const NAMES: Names = {
  here: HERE,
  saved: new Map([
    ...["a", "b", "f", "g"].map((name): [string, string] => [name, `${HERE}/${name}`]),
    ["at", "5"],
    ...valuesOfFile(FILE_CONTENT, '"a"', "Sun, 06 Nov 1994 08:49:37 GMT"),
  ]),
  sizeMax: 1_000,
  content: FILE_CONTENT,
};

const target = (exchange: Target["exchange"]): Target => ({
  url: new URL(HERE),
  fields: [],
  exchange,
  againMsMax: 0,
});

describe.each(SUITES)("the rows of $name", ({ rows }) => {
  const offer = {
    announced: new Set(rows.flatMap(({ needs }) => needs)),
    sizeMax: 1_000,
    values: NAMES.saved,
    content: FILE_CONTENT,
  };

  test("have ids of their own, a clause, a source and something to check", () => {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const row of rows) {
      expect([row.clause, row.source]).not.toContain("");
      expect(liesAbout(row), row.id).not.toEqual([]);
    }
  });

  test.each(rows.map((row) => [row.id, row] as const))(
    "%s passes with a server that is right, and fails with each that is wrong in one of its points",
    async (_, row) => {
      expect(await runRow(row, target(answerAs(row, NAMES)), offer)).toEqual({ kind: "passed" });
      for (const lie of liesAbout(row)) {
        const verdict = await runRow(row, target(answerAs(row, NAMES, lie)), offer);
        expect(verdict, JSON.stringify(lie)).toMatchObject({ kind: "failed", step: lie.step });
      }
    },
  );

  test("are not offered, and none passed, where a server announces nothing", async () => {
    for (const row of rows) {
      const exchange = () => {
        throw new Error("nothing may be sent");
      };
      const nothing = { announced: new Set<string>(), sizeMax: undefined };
      const needy = row.needs.length > 0;
      if (!needy) continue;
      const verdict = await runRow(row, target(exchange), nothing);
      expect(verdict.kind, row.id).toBe("notOffered");
    }
  });

  test("fail where nobody answers", async () => {
    const silent: Target["exchange"] = () => ({
      sent: Promise.resolve(),
      outcome: Promise.resolve({ kind: "silence", why: "nobody" }),
      close: () => undefined,
    });
    for (const row of rows) {
      expect((await runRow(row, target(silent), offer)).kind, row.id).toBe("failed");
    }
  });
});
