// Holds an answer against what a row expects. Pure: what is seen instead comes back in words, or nothing where all is as it should be.

import { byterangesIn, contentRangeOf } from "./byteranges.ts";
import { type Answer, type Head, valuesOf } from "./message.ts";
import type { Check, Match, Slice } from "./row.ts";

/** What came back for a request: an answer, or none and why. */
export type Outcome =
  | { readonly kind: "answer"; readonly answer: Answer }
  | {
      readonly kind: "silence";
      readonly why: string;
      /** Nobody but us has ended it: its time was over. */
      readonly isLate?: true;
    };

/** What stands for the names in braces. */
export interface Names {
  readonly here: string;
  readonly saved: ReadonlyMap<string, string>;
  /** The largest size the server announces, if it does. */
  readonly sizeMax: number | undefined;
  /** Of the file that is read, where the suite is about one; ASCII. */
  readonly content: string;
}

/** What differs from a check, or undefined. */
export function judge(check: Check, outcome: Outcome, names: Names): string | undefined {
  if (check.kind === "notBeyond") return judgeNotBeyond(outcome, check.offset);
  if (check.kind === "ended") return judgeEnded(outcome);
  if (outcome.kind === "silence") return `no answer: ${outcome.why}`;
  const { answer } = outcome;
  switch (check.kind) {
    case "status":
      return check.anyOf.includes(answer.status)
        ? undefined
        : `status ${answer.status}, not ${check.anyOf.join(" or ")}`;
    case "header":
      return judgeHeader(answer, check.name, check.value, names);
    case "absent": {
      const [value] = valuesOf(answer, check.name);
      return value === undefined ? undefined : `${check.name}: ${value}, which must not be there`;
    }
    case "interim":
      return judgeInterim(answer, check, names);
    case "noInterim": {
      const { status, name } = check;
      const heads = answer.interim.filter((head) => head.status === status);
      const isThere = heads.some((head) => name === "" || valuesOf(head, name).length > 0);
      return isThere ? `an interim ${status}${name === "" ? "" : ` with ${name}`}` : undefined;
    }
    case "member":
      return judgeMember(answer, check.name, check.value, names);
    case "perhaps":
      return valuesOf(answer, check.name).length === 0
        ? undefined
        : judgeHeader(answer, check.name, check.value, names);
    case "body":
      return answer.body === check.text
        ? undefined
        : `the body ${JSON.stringify(answer.body.slice(0, 80))}, not ${JSON.stringify(check.text)}`;
    case "slice":
      return judgeText("the body", answer.body, names.content.slice(check.start, check.end));
    case "byteranges":
      return judgeByteranges(answer, check.slices, names);
    case "notLarger": {
      const most = names.content.length + AROUND_PARTS;
      return answer.body.length <= most
        ? undefined
        : `a body of ${answer.body.length} B of a file of ${names.content.length} B`;
    }
  }
}

/** Boundaries and fields of some ten parts. */
const AROUND_PARTS = 2_000;

function judgeText(what: string, found: string, wanted: string): string | undefined {
  if (found === wanted) return undefined;
  const shown = (text: string) => `${text.length} B ${JSON.stringify(text.slice(0, 40))}`;
  return `${what} has ${shown(found)}, not ${shown(wanted)}`;
}

function judgeByteranges(
  answer: Answer,
  slices: readonly Slice[],
  { content }: Names,
): string | undefined {
  const parts = byterangesIn(valuesOf(answer, "content-type")[0], answer.body);
  if (!parts) return `no multipart/byteranges: ${JSON.stringify(answer.body.slice(0, 80))}`;
  const ranges = parts.map(({ range }) => range);
  const wanted = slices.map((slice) => contentRangeOf(slice, content.length));
  if (ranges.join() !== wanted.join()) return `parts ${ranges.join()}, not ${wanted.join()}`;
  for (const [at, [start, end]] of slices.entries()) {
    const why = judgeText(`part ${at}`, parts[at]?.text ?? "", content.slice(start, end));
    if (why !== undefined) return why;
  }
  return undefined;
}

function judgeEnded(outcome: Outcome): string | undefined {
  if (outcome.kind === "silence") {
    return outcome.isLate ? `still open, its end was ${outcome.why}` : undefined;
  }
  return outcome.answer.status >= 400 ? undefined : `status ${outcome.answer.status}`;
}

function judgeNotBeyond(outcome: Outcome, offset: number): string | undefined {
  if (outcome.kind === "silence" || outcome.answer.status >= 300) return undefined;
  const [told] = valuesOf(outcome.answer, "upload-offset");
  if (told === `${offset}`) return undefined;
  return `status ${outcome.answer.status} with Upload-Offset ${told}, not ${offset}`;
}

function judgeHeader(head: Head, name: string, value: Match, names: Names): string | undefined {
  const values = valuesOf(head, name);
  if (values.length === 0) return `no ${name}`;
  // Two lines of one header mean the same as one with a comma, which is never meant by a single value.
  return judgeValue(name, values.join(", "), value, names);
}

function judgeInterim(
  answer: Answer,
  { status, name, value }: Extract<Check, { kind: "interim" }>,
  names: Names,
): string | undefined {
  const heads = answer.interim.filter((head) => head.status === status);
  if (heads.length === 0) return `no interim ${status}`;
  if (name === "") return undefined;
  const wrong = heads.map((head) => judgeHeader(head, name, value, names));
  return wrong.includes(undefined) ? undefined : `in interim ${status}: ${wrong[0]}`;
}

function judgeMember(answer: Answer, name: string, value: Match, names: Names): string | undefined {
  const found = membersOf(answer.body).get(name);
  if (found === undefined)
    return `no member ${name} in ${JSON.stringify(answer.body.slice(0, 80))}`;
  return judgeValue(name, String(found), value, names);
}

function membersOf(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return new Map(Object.entries(typeof value === "object" && value !== null ? value : {}));
  } catch {
    return new Map();
  }
}

function judgeValue(name: string, found: string, match: Match, names: Names): string | undefined {
  const shown = `${name}: ${found}`;
  switch (match.kind) {
    case "any":
      return found === "" ? `an empty ${name}` : undefined;
    case "is": {
      const wanted = fill(match.text, names);
      return found === wanted ? undefined : `${shown}, not ${wanted}`;
    }
    case "looks":
      return match.like.test(found) ? undefined : `${shown}, not ${match.what}`;
    case "lists":
      return listOf(found).includes(match.member.toLowerCase())
        ? undefined
        : `${shown}, without ${match.member}`;
    case "date":
      return isHttpDate(found) ? undefined : `${shown}, not an RFC 9110 date`;
    case "limits":
      return areLimits(found) ? undefined : `${shown}, not a dictionary of limits`;
    case "withinMax":
      return /^\d+$/.test(found) && Number(found) <= (names.sizeMax ?? Number.POSITIVE_INFINITY)
        ? undefined
        : `${shown}, beyond ${names.sizeMax}`;
    case "leads":
      return new URL(found, names.here).href === names.saved.get(match.name)
        ? undefined
        : `${shown}, not ${names.saved.get(match.name)}`;
  }
}

/** Puts what a name stands for where it stands in braces. */
export function fill(text: string, { here, saved, sizeMax }: Names): string {
  return text.replaceAll(
    /\{([a-z]+)(\.path|\.content|\+1)?\}/g,
    (whole, name: string, form?: string) => {
      if (name === "here") return here;
      if (name === "max") return `${BigInt(sizeMax ?? 0) + (form === "+1" ? 1n : 0n)}`;
      const url = (form === ".content" && saved.get(`${name}.content`)) || saved.get(name);
      if (url === undefined) return whole;
      return form === ".path" ? new URL(url).pathname + new URL(url).search : url;
    },
  );
}

function listOf(value: string): readonly string[] {
  return value.split(",").map((one) => one.trim().toLowerCase());
}

function isHttpDate(value: string): boolean {
  const time = Date.parse(value);
  return !Number.isNaN(time) && new Date(time).toUTCString() === value;
}

const LIMITS = new Set(["max-size", "min-size", "max-append-size", "min-append-size", "max-age"]);

/** At least one member; unknown ones may be anything, known ones are integers. */
function areLimits(value: string): boolean {
  const members = value
    .split(",")
    .map((one) => /^\s*([a-z*][a-z0-9_.*-]*)(?:=(\S+))?\s*$/.exec(one));
  return members.every((found) => {
    if (!found) return false;
    const [, key = "", item = ""] = found;
    return !LIMITS.has(key) || /^\d{1,15}$/.test(item);
  });
}
