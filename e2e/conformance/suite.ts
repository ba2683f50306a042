// The suites, and how one of them is run against a server by URL.
import type { Point } from "./checklist.ts";
import { createExchanger, type Exchanger, type Request } from "./exchange.ts";
import { createH2Exchanger } from "./exchange-h2.ts";
import type { Outcome } from "./judge.ts";
import type { Field } from "./message.ts";
import { type Offer, offerOfRufh, offerOfTus } from "./offers.ts";
import { RANGES_POINTS } from "./ranges/checklist.ts";
import { offerOfRanges } from "./ranges/offer.ts";
import { RANGES_ROWS } from "./ranges/rows.ts";
import type { Row } from "./row.ts";
import { RUFH_POINTS } from "./rufh/checklist.ts";
import { RUFH_ROWS } from "./rufh/rows.ts";
import { type Result, runRows, type Target } from "./run.ts";
import { TUS_POINTS } from "./tus/checklist.ts";
import { TUS_ROWS } from "./tus/rows.ts";

export type SuiteName = "tus" | "rufh" | "ranges";

export interface Suite {
  readonly name: SuiteName;
  readonly title: string;
  readonly rows: readonly Row[];
  /** What the rows are of. */
  readonly points: readonly Point[];
  offerOf(target: Target): Promise<Offer>;
}

export const SUITES: readonly Suite[] = [
  { name: "tus", title: "tus 1.0.0", rows: TUS_ROWS, points: TUS_POINTS, offerOf: offerOfTus },
  {
    name: "rufh",
    title: "Resumable Uploads for HTTP",
    rows: RUFH_ROWS,
    points: RUFH_POINTS,
    offerOf: offerOfRufh,
  },
  {
    name: "ranges",
    title: "Ranges and preconditions",
    rows: RANGES_ROWS,
    points: RANGES_POINTS,
    offerOf: offerOfRanges,
  },
];

/** A whole answer may take so long: a server that waits for a lock gives up before. */
const PATIENCE_MS = 30_000;

export interface RunOptions {
  /** Go with every request. */
  readonly fields?: readonly Field[] | undefined;
  /** See `Target`. */
  readonly offsetOf?: Target["offsetOf"] | undefined;
  /** HTTP/1.1 where nothing else is said; HTTP/2 without asking, over TLS by agreement. */
  readonly http?: 1 | 2;
  readonly onResult?: (result: Result) => void;
  /** Hears what every request came to. */
  readonly onOutcome?: (request: Request, outcome: Outcome) => void;
}

export async function runSuite(
  suite: Suite,
  url: string,
  { fields = [], offsetOf, http = 1, onResult, onOutcome }: RunOptions = {},
): Promise<readonly Result[]> {
  const exchange = http === 2 ? createH2Exchanger(PATIENCE_MS) : createExchanger(PATIENCE_MS);
  const heard: Exchanger = (request) => {
    const sent = exchange(request);
    if (onOutcome) sent.outcome.then((outcome) => onOutcome(request, outcome));
    return sent;
  };
  const target = { url: new URL(url), fields, offsetOf, exchange: heard };
  return runRows(suite.rows, target, await suite.offerOf(target), onResult);
}
