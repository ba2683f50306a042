// `npm run conformance -- --table`: runs the suites against Holdfast and the servers it is compared with, and prints what docs/compare.md shows.
import type { Field } from "./message.ts";
import { startOurs } from "./ours.ts";
import { startNginxFile, startTusd, startTusServer } from "./peers.ts";
import { runSuite, type Suite, type SuiteName } from "./suite.ts";
import { type Column, clausesOf, summaryOf } from "./table.ts";

interface Server {
  /** Where each suite finds what it is about. */
  readonly urls: Readonly<Partial<Record<SuiteName, string>>>;
  readonly fields?: readonly Field[];
  stop(): Promise<void>;
}

interface Contestant {
  readonly name: string;
  readonly suites: readonly SuiteName[];
  /** Undefined where it cannot be had. */
  start(): Promise<Server | undefined>;
}

const UPLOADS: readonly SuiteName[] = ["tus", "rufh"];

const CONTESTANTS: readonly Contestant[] = [
  { name: "Holdfast", suites: [...UPLOADS, "ranges"], start: () => startOurs() },
  {
    name: "@tus/server",
    suites: UPLOADS,
    start: async () => uploadsAt(await startTusServer()),
  },
  {
    name: "tusd",
    suites: UPLOADS,
    async start() {
      const tusd = await startTusd();
      if (!tusd)
        console.error("conformance: tusd is missing: there is neither it nor Go to build it");
      return tusd && uploadsAt(tusd);
    },
  },
  {
    name: "nginx",
    suites: ["ranges"],
    async start() {
      const { url, stop } = await startNginxFile();
      return { urls: { ranges: url }, stop };
    },
  },
];

function uploadsAt({ url, stop }: { readonly url: string; stop(): Promise<void> }): Server {
  return { urls: { tus: url, rufh: url }, stop };
}

export async function compare(suites: readonly Suite[]): Promise<string> {
  const running = new Map<string, Server>();
  try {
    for (const { name, suites: of, start } of CONTESTANTS) {
      const isAsked = suites.some((suite) => of.includes(suite.name));
      const server = isAsked ? await start() : undefined;
      if (server) running.set(name, server);
    }
    const sections: string[] = [];
    for (const suite of suites) {
      const columns: Column[] = [];
      for (const [name, { urls, fields }] of running) {
        const url = urls[suite.name];
        if (url === undefined) continue;
        console.error(`conformance: ${suite.title} on ${name}`);
        columns.push({ name, results: await runSuite(suite, url, { fields }) });
      }
      sections.push(`### ${suite.title}`, "", ...summaryOf(columns), "", ...clausesOf(columns), "");
    }
    return sections.join("\n").trimEnd();
  } finally {
    for (const { stop } of running.values()) await stop();
  }
}
