// Holdfast does what the standards say, wherever its bytes lie: each row that it offers, and it offers all of them but these.
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inDouble } from "../kit/bucket.ts";
import { type Ours, startOurs } from "./ours.ts";
import { lineOf } from "./report.ts";
import { runSuite, SUITES } from "./suite.ts";

/** Uploads last a day, md5 is broken, and finals want complete partials (docs/compare.md). */
const ABSENT = new Set(["E1c", "K2e", "X3b"]);

const PLACES: Readonly<Record<string, () => Promise<Ours>>> = {
  "on a disk": () => startOurs(),
  async "in a bucket"() {
    const store = inDouble(await startS3Double());
    const ours = await startOurs([], store.env("conformance"));
    const stop = () => ours.stop().then(() => store.stop());
    return { ...ours, stop };
  },
};

describe.each(Object.entries(PLACES))("Holdfast %s", (_, start) => {
  let ours: Ours | undefined;
  beforeAll(async () => {
    ours = await start();
  });
  afterAll(() => ours?.stop());

  test.each(SUITES)("passes the rows of $title", async (suite) => {
    const results = await runSuite(suite, ours?.urls[suite.name] ?? "");
    const of = (kind: (typeof results)[number]["verdict"]["kind"]) =>
      results.filter(({ verdict }) => verdict.kind === kind);
    expect(of("failed").map(lineOf)).toEqual([]);
    expect(of("notOffered").map(({ row }) => row)).toEqual(
      suite.rows.filter(({ id }) => ABSENT.has(id)),
    );
  });
});
