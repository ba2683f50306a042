// `npm run conformance -- --table`: runs the suites against Holdfast and the servers it is compared with, and prints what docs/compare.md shows.
import type { Field } from "./message.ts";
import { startOurs } from "./ours.ts";
import { startTusd, startTusServer } from "./peers.ts";
import { runSuite, SUITES } from "./suite.ts";
import { type Column, clausesOf, summaryOf } from "./table.ts";

interface Server {
  readonly name: string;
  readonly urls: Readonly<Record<"tus" | "rufh", string>>;
  readonly fields?: readonly Field[];
  stop(): Promise<void>;
}

async function startAll(): Promise<readonly Server[]> {
  const ours = await startOurs();
  const node = await startTusServer();
  const tusd = await startTusd();
  const peer = (name: string, { url, stop }: typeof node): Server => ({
    name,
    urls: { tus: url, rufh: url },
    stop,
  });
  if (!tusd) console.error("conformance: tusd is missing: there is neither it nor Go to build it");
  return [
    { name: "Holdfast", ...ours },
    peer("@tus/server", node),
    ...(tusd ? [peer("tusd", tusd)] : []),
  ];
}

export async function compare(): Promise<string> {
  const servers = await startAll();
  try {
    const sections: string[] = [];
    for (const suite of SUITES) {
      const columns: Column[] = [];
      for (const { name, urls, fields } of servers) {
        console.error(`conformance: ${suite.title} on ${name}`);
        columns.push({ name, results: await runSuite(suite, urls[suite.name], { fields }) });
      }
      sections.push(`### ${suite.title}`, "", ...summaryOf(columns), "", ...clausesOf(columns), "");
    }
    return sections.join("\n").trimEnd();
  } finally {
    for (const { stop } of servers) await stop();
  }
}
