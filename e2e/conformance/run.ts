// Runs rows against a server, one after another, each on uploads of its own. What comes of a row says which step it was and what was seen.
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange, Exchanger, Request } from "./exchange.ts";
import { fill, judge, type Names, type Outcome } from "./judge.ts";
import { type Field, valuesOf } from "./message.ts";
import type { Offer } from "./offers.ts";
import type { Ask, Row, Step } from "./row.ts";

export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly step: number; readonly why: string }
  /** The server does not announce what the row is about. */
  | { readonly kind: "notOffered"; readonly lacks: string };

export interface Result {
  readonly row: Row;
  readonly verdict: Verdict;
}

export interface Target {
  /** Where uploads are created. */
  readonly url: URL;
  /** Sent with every request: a token, say. */
  readonly fields: readonly Field[];
  readonly exchange: Exchanger;
  /** No step is repeated for longer, whatever its row grants. */
  readonly againMsMax?: number;
  /** How far the upload at that address is, without ending what is being sent to it: no specification has such a request. */
  readonly offsetOf?: ((upload: URL) => Promise<number>) | undefined;
}

const AGAIN_MS = 100;

/** Bytes that are not there by then are not coming. */
const ARRIVES_MS_MAX = 10_000;

export async function runRows(
  rows: readonly Row[],
  target: Target,
  offer: Offer,
  onResult: (result: Result) => void = () => undefined,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const isSlow = (row: Row) => row.isSlow || (target.offsetOf && row.steps.some(isHalf));
  const begun = new Map(rows.filter(isSlow).map((row) => [row, runRow(row, target, offer)]));
  for (const row of rows) {
    const result = { row, verdict: await (begun.get(row) ?? runRow(row, target, offer)) };
    onResult(result);
    results.push(result);
  }
  return results;
}

export async function runRow(row: Row, target: Target, offer: Offer): Promise<Verdict> {
  const lacks = row.needs.find((need) => !offer.announced.has(need));
  if (lacks !== undefined) return { kind: "notOffered", lacks };
  const saved = new Map(offer.values);
  const { sizeMax, content = "" } = offer;
  const names: Names = { here: target.url.href, saved, sizeMax, content };
  const held = new Map<string, Exchange>();
  try {
    for (const [at, step] of row.steps.entries()) {
      const why = await runStep(step, names, target, held, (outcome) => {
        if (step.kind === "ask") keep(step, outcome, saved, target.url);
      });
      if (why !== undefined) return { kind: "failed", step: at, why: `${wordsOf(step)}: ${why}` };
    }
    return { kind: "passed" };
  } finally {
    for (const exchange of held.values()) exchange.close();
  }
}

/** What is sent of it is waited for. */
function isHalf(step: Step): boolean {
  return step.kind === "ask" && (step.sending.kind === "held" || step.sending.kind === "cut");
}

async function runStep(
  step: Step,
  names: Names,
  target: Target,
  held: Map<string, Exchange>,
  onOutcome: (outcome: Outcome) => void,
): Promise<string | undefined> {
  if (step.kind === "settle") {
    const outcome = await held.get(step.name)?.outcome;
    if (!outcome) throw new Error(`no step has held ${step.name}`);
    onOutcome(outcome);
    return firstDifference(step, outcome, names);
  }
  const { sending } = step;
  const late =
    Date.now() + Math.min(step.withinMs ?? 0, target.againMsMax ?? Number.POSITIVE_INFINITY);
  for (;;) {
    const request = prepare(step, names, target);
    if (typeof request === "string") return request;
    const exchange = target.exchange(request);
    if (sending.kind === "held" || sending.kind === "cut") {
      await exchange.sent;
      if (sending.kind === "held") held.set(sending.name, exchange);
      return undefined;
    }
    const outcome = await exchange.outcome;
    onOutcome(outcome);
    const why = firstDifference(step, outcome, names);
    if (why === undefined || Date.now() >= late) return why;
    await sleep(AGAIN_MS);
  }
}

function prepare(step: Ask, names: Names, target: Target): Request | string {
  const isWhole = step.to === "*";
  const to = fill(isWhole ? "{here}" : step.to, names);
  if (!URL.canParse(to)) return `nowhere to send it: ${to} is not known`;
  const fields = step.fields.map(([name, value]): Field => [name, fill(value, names)]);
  const { body, sending } = step;
  const url = new URL(to);
  return {
    method: step.method,
    url,
    ...(isWhole ? { target: "*" } : {}),
    fields: [...target.fields, ...fields],
    body,
    sending: sending.kind === "exceed" ? exceeding(body, names) : sending,
    arrived: arrivalOf(url, fields, body, target),
  };
}

function exceeding(body: string, { sizeMax = 0 }: Names): Request["sending"] {
  return { kind: "repeat", times: Math.floor(sizeMax / body.length) + 1 };
}

/** Undefined where nobody can tell: bytes that one digest covers count only all together. */
function arrivalOf(
  url: URL,
  fields: readonly Field[],
  body: string,
  { offsetOf }: Target,
): Request["arrived"] {
  const [from] = valuesOf({ status: 0, fields }, "upload-offset");
  const isCovered = fields.some(([name]) => /^(?:upload-checksum|content-digest)$/i.test(name));
  if (!offsetOf || from === undefined || isCovered) return undefined;
  const end = Number(from) + body.length;
  return async () => {
    const late = Date.now() + ARRIVES_MS_MAX;
    while (Date.now() < late && (await offsetOf(url)) < end) await sleep(AGAIN_MS / 4);
  };
}

function firstDifference(step: Step, outcome: Outcome, names: Names): string | undefined {
  for (const check of step.expect) {
    const why = judge(check, outcome, names);
    if (why !== undefined) return why;
  }
  return undefined;
}

function keep(
  { save, saveOffset }: Ask,
  outcome: Outcome,
  saved: Map<string, string>,
  base: URL,
): void {
  if (outcome.kind !== "answer") return;
  const [location] = valuesOf(outcome.answer, "location");
  if (save !== undefined && location !== undefined && URL.canParse(location, base)) {
    saved.set(save, new URL(location, base).href);
  }
  const [content] = valuesOf(outcome.answer, "content-location");
  if (save !== undefined && content !== undefined && URL.canParse(content, base)) {
    saved.set(`${save}.content`, new URL(content, base).href);
  }
  const [offset] = valuesOf(outcome.answer, "upload-offset");
  if (saveOffset !== undefined && offset !== undefined) saved.set(saveOffset, offset);
}

function wordsOf(step: Step): string {
  if (step.kind === "settle") return `the request that was held (${step.name})`;
  return `${step.isGiven ? "could not be tried, " : ""}${step.method} ${step.to}`;
}
