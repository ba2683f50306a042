// The suites, and how one of them is run against a server by URL.
import { createExchanger } from "./exchange.ts";
import type { Field } from "./message.ts";
import { type Offer, offerOfRufh, offerOfTus } from "./offers.ts";
import type { Row } from "./row.ts";
import { RUFH_ROWS } from "./rufh/rows.ts";
import { type Result, runRows, type Target } from "./run.ts";
import { TUS_ROWS } from "./tus/rows.ts";

export interface Suite {
  readonly name: "tus" | "rufh";
  readonly title: string;
  readonly rows: readonly Row[];
  offerOf(target: Target): Promise<Offer>;
}

export const SUITES: readonly Suite[] = [
  { name: "tus", title: "tus 1.0.0", rows: TUS_ROWS, offerOf: offerOfTus },
  {
    name: "rufh",
    title: "Resumable Uploads for HTTP",
    rows: RUFH_ROWS,
    offerOf: offerOfRufh,
  },
];

/** A whole answer may take so long: a server that waits for a lock gives up before. */
const PATIENCE_MS = 30_000;

/** `fields` go with every request. */
export async function runSuite(
  suite: Suite,
  url: string,
  fields: readonly Field[] = [],
  onResult?: (result: Result) => void,
): Promise<readonly Result[]> {
  const target = { url: new URL(url), fields, exchange: createExchanger(PATIENCE_MS) };
  return runRows(suite.rows, target, await suite.offerOf(target), onResult);
}
