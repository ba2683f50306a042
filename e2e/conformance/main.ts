// `npm run conformance -- --url URL --suite tus|rufh|ranges [--http2] [--json] [--header "Name: value"]`: what a server does of what it should. With `--table`: Holdfast beside others.
import { parseArgs } from "node:util";
import { coverOf, gapLinesOf } from "./checklist.ts";
import { compare } from "./compare.ts";
import type { Field } from "./message.ts";
import { closingLineOf, exitCodeOf, jsonOf, lineOf } from "./report.ts";
import type { Result } from "./run.ts";
import { runSuite, SUITES } from "./suite.ts";

const USAGE = `Usage: npm run conformance -- --url URL --suite ${SUITES.map(({ name }) => name).join("|")} [--http2] [--json] [--header "Name: value"]...

  --url     where uploads are created: http://127.0.0.1:8420/tus, say; for ranges a text file of 200 B to 1 MiB
  --header  goes with every request: a token, say
  --http2   by HTTP/2: over TLS by agreement, in the clear without asking
  --json    the report for programs
  --table   instead of a URL: the tables of docs/compare.md, or that of one suite, from runs against Holdfast and the servers it is compared with

Exit code: 0 where rows passed and none failed, 1 otherwise, 2 where the command is not understood.`;

function fieldOf(text: string): Field {
  const at = text.indexOf(":");
  if (at <= 0) throw new Error(`--header ${text}: no colon`);
  return [text.slice(0, at), text.slice(at + 1).trim()];
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      suite: { type: "string" },
      header: { type: "string", multiple: true, default: [] },
      http2: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      table: { type: "boolean", default: false },
    },
  });
  const suite = SUITES.find(({ name }) => name === values.suite);
  if (values.table) return { kind: "table", suites: suite ? [suite] : SUITES } as const;
  if (!suite) throw new Error("--suite is missing or unknown");
  if (values.url === undefined || !URL.canParse(values.url)) throw new Error("--url is missing");
  return {
    kind: "one",
    suite,
    url: values.url,
    http: values.http2 ? 2 : 1,
    isJson: values.json,
    fields: values.header.map(fieldOf),
  } as const;
}

async function main(): Promise<number> {
  let asked: ReturnType<typeof readArguments>;
  try {
    asked = readArguments();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  if (asked.kind === "table") {
    console.log(await compare(asked.suites));
    return 0;
  }
  const { suite, url, fields, http, isJson } = asked;
  const onResult = (result: Result) => {
    if (!isJson) console.log(lineOf(result));
  };
  const results = await runSuite(suite, url, { fields, http, onResult });
  if (isJson) console.log(JSON.stringify(jsonOf(suite, url, results), null, 2));
  else {
    for (const line of gapLinesOf(coverOf(suite.points, suite.rows))) console.log(line);
    console.log(closingLineOf(results));
  }
  return exitCodeOf(results);
}

process.exitCode = await main();
