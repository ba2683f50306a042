// Holdfast does what the standards say, wherever its bytes lie and whichever HTTP they come by: each row that it offers, and it offers all of them but these.
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inDouble } from "../kit/bucket.ts";
import type { Request } from "./exchange.ts";
import type { Outcome } from "./judge.ts";
import { valuesOf } from "./message.ts";
import { type Ours, startOurs } from "./ours.ts";
import { lineOf } from "./report.ts";
import { runSuite, SUITES } from "./suite.ts";

interface Place {
  start(): Promise<Ours>;
  readonly http: 1 | 2;
}

/** Uploads last a day, md5 is broken, and finals want complete partials (docs/compare.md). */
const ABSENT = new Set(["E1c", "K2e", "X3b"]);

const PLACES: Readonly<Record<string, Place>> = {
  "on a disk": { start: () => startOurs(), http: 1 },
  "on a disk, by HTTP/2": { start: () => startOurs(), http: 2 },
  "in a bucket": {
    async start() {
      const store = inDouble(await startS3Double());
      const ours = await startOurs([], store.env("conformance"));
      const stop = () => ours.stop().then(() => store.stop());
      return { ...ours, stop };
    },
    http: 1,
  },
};

// Side by side: what takes long is the wait for bodies that stop.
describe.concurrent.each(Object.entries(PLACES))("Holdfast %s", (_, { start, http }) => {
  let ours: Ours | undefined;
  beforeAll(async () => {
    ours = await start();
  });
  afterAll(() => ours?.stop());

  test.each(SUITES)("passes the rows of $title, and says of each refusal why", async (suite) => {
    const urls = http === 2 ? ours?.h2Urls : ours?.urls;
    const wordless: string[] = [];
    const onOutcome = (request: Request, outcome: Outcome) => {
      if (!isExplained(request, outcome)) wordless.push(JSON.stringify({ request, outcome }));
    };
    const { fields } = ours ?? {};
    const results = await runSuite(suite, urls?.[suite.name] ?? "", { fields, http, onOutcome });
    const of = (kind: (typeof results)[number]["verdict"]["kind"]) =>
      results.filter(({ verdict }) => verdict.kind === kind);
    expect(of("failed").map(lineOf)).toEqual([]);
    expect(of("notOffered").map(({ row }) => row)).toEqual(
      suite.rows.filter(({ id }) => ABSENT.has(id)),
    );
    expect(wordless).toEqual([]);
  });
});

/** Whatever was wrong with a request, its answer is a problem document with a code of the table; but for HEAD, whose answers have no body. */
function isExplained({ method, fields }: Request, outcome: Outcome): boolean {
  if (outcome.kind === "silence" || outcome.answer.status < 400) return true;
  const override = fields.find(([name]) => /^x-http-method-override$/i.test(name))?.[1];
  if ((override ?? method) === "HEAD" || method === "HEAD") return true;
  const { answer } = outcome;
  const [type] = valuesOf(answer, "content-type");
  if (type !== "application/problem+json") return false;
  const problem: { code?: unknown; status?: unknown } = JSON.parse(answer.body);
  return typeof problem.code === "string" && problem.status === answer.status;
}
