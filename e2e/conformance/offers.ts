// What a server announces, asked once before the rows: a clause about what it does not offer says nothing about it.
import type { Exchanger } from "./exchange.ts";
import { type Answer, type Field, valuesOf } from "./message.ts";
import { createWith, INTEROPS } from "./rufh/interop.ts";
import { PREFLIGHT } from "./tus/browsers.ts";
import { TYPE, VERSION } from "./tus/requests.ts";

export interface Offer {
  /** Words of `needs`. */
  readonly announced: ReadonlySet<string>;
  /** In bytes, where the server says one. */
  readonly sizeMax: number | undefined;
  /** What the server tells of the file that is read, under names of `fill`. */
  readonly values?: ReadonlyMap<string, string>;
  /** All of that file. */
  readonly content?: string;
}

/** What a row can send in a while. */
const SMALL = 32 * 1024 * 1024;

/** A row waits longer than that. */
const SOON_MS = 10_000;

export interface Asking {
  readonly url: URL;
  readonly fields: readonly Field[];
  readonly exchange: Exchanger;
}

/**
 * Extensions by name, `checksum:sha256` and its like for algorithms, `max-size`, and `max-size:small` where it is; `content` where GET gives the bytes of what is complete; `cors` where pages of another origin are let in, `expires-soon` where
 * uploads last so short that a run can wait for their end; `!concatenation-unfinished` where finals want complete partials.
 */
export async function offerOfTus(asking: Asking): Promise<Offer> {
  const answer = await answerTo(asking, "OPTIONS", []);
  const list = (name: string) =>
    (answer ? valuesOf(answer, name) : []).flatMap((value) =>
      value.split(",").map((one) => one.trim()),
    );
  const [size] = list("tus-max-size");
  const sizeMax = size !== undefined && /^\d+$/.test(size) ? Number(size) : undefined;
  const extensions = list("tus-extension");
  const isUnfinishedOpen = extensions.includes("concatenation-unfinished");
  return {
    announced: new Set([
      ...extensions,
      ...(isUnfinishedOpen ? [] : ["!concatenation-unfinished"]),
      ...((await isOpenToPages(asking)) ? ["cors"] : []),
      ...((await expiresSoon(asking)) ? ["expires-soon"] : []),
      ...list("tus-checksum-algorithm").map((name) => `checksum:${name}`),
      ...((await servesContent(asking)) ? ["content"] : []),
      ...wordsOfMax(sizeMax),
    ]),
    sizeMax,
  };
}

/** `interop:N` for each version in which an empty upload can be created, `104:N` where that was told of by 104, `max-size` where its limits have one; `content-coding` where a representation may have one; `cors`. */
export async function offerOfRufh(asking: Asking): Promise<Offer> {
  const announced = new Set<string>();
  let sizeMax: number | undefined;
  for (const version of INTEROPS) {
    const answer = await answerTo(asking, "POST", createWith(version, false));
    if (!answer || answer.status >= 300 || valuesOf(answer, "location").length === 0) continue;
    announced.add(`interop:${version}`);
    const coded: Field = ["Content-Encoding", "gzip"];
    const taken = await answerTo(asking, "POST", [...createWith(version, false), coded]);
    if (taken && taken.status < 300) announced.add("content-coding");
    if (answer.interim.some(({ status }) => status === 104)) announced.add(`104:${version}`);
    const [, size] = /(?:^|[, ])max-size=(\d+)/.exec(valuesOf(answer, "upload-limit").join()) ?? [];
    if (size !== undefined) sizeMax = Number(size);
  }
  for (const word of wordsOfMax(sizeMax)) announced.add(word);
  if (await isOpenToPages(asking)) announced.add("cors");
  return { announced, sizeMax };
}

async function isOpenToPages(asking: Asking): Promise<boolean> {
  const answer = await answerTo(asking, "OPTIONS", PREFLIGHT);
  return answer !== undefined && valuesOf(answer, "access-control-allow-origin").length > 0;
}

async function expiresSoon(asking: Asking): Promise<boolean> {
  const answer = await answerTo(asking, "POST", [VERSION, ["Upload-Length", "1"]]);
  const [until] = answer ? valuesOf(answer, "upload-expires") : [];
  return until !== undefined && Date.parse(until) - Date.now() < SOON_MS;
}

function wordsOfMax(sizeMax: number | undefined): readonly string[] {
  if (sizeMax === undefined) return [];
  return ["max-size", ...(sizeMax <= SMALL ? ["max-size:small"] : [])];
}

/** By the upload's own address, or the one that its `HEAD` names in `Content-Location`. */
async function servesContent(asking: Asking): Promise<boolean> {
  const made = await answerTo(asking, "POST", [VERSION, ["Upload-Length", "1"]]);
  const [location] = made ? valuesOf(made, "location") : [];
  if (location === undefined || !URL.canParse(location, asking.url)) return false;
  const at = { ...asking, url: new URL(location, asking.url) };
  await answerTo(at, "PATCH", [VERSION, TYPE, ["Upload-Offset", "0"]], "x");
  const head = await answerTo(at, "HEAD", [VERSION]);
  const [content = ""] = head ? valuesOf(head, "content-location") : [];
  const got = await answerTo({ ...asking, url: new URL(content, at.url) }, "GET", [VERSION]);
  return got?.status === 200 && got.body === "x";
}

export async function answerTo(
  { url, fields, exchange }: Asking,
  method: string,
  more: readonly Field[],
  body = "",
): Promise<Answer | undefined> {
  const sending = { kind: "length" } as const;
  const outcome = await exchange({ method, url, fields: [...fields, ...more], body, sending })
    .outcome;
  return outcome.kind === "answer" ? outcome.answer : undefined;
}
