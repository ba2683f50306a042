// A server that answers as each row wants it, and one that is wrong in exactly one point. For the test that every check of every row can fail.

import { BOUNDARY, writeByteranges } from "./byteranges.ts";
import type { Exchanger } from "./exchange.ts";
import { fill, type Names, type Outcome } from "./judge.ts";
import type { Answer, Field, Head } from "./message.ts";
import type { Check, Match, Row, Step } from "./row.ts";

/** Where a row is wrong: in which step, and which of its checks should see it. */
export interface Lie {
  readonly step: number;
  readonly check: number;
}

/** Everything that is checked, as a lie each. */
export function liesAbout(row: Row): readonly Lie[] {
  return row.steps.flatMap((step, at) => step.expect.map((_, check) => ({ step: at, check })));
}

/** Answers the steps of one row in order: what each of them wants, but for the lie. */
export function answerAs(row: Row, names: Names, lie?: Lie): Exchanger {
  const asked = row.steps.flatMap((step, at) => (step.kind === "ask" ? [at] : []));
  let turn = 0;
  return ({ sending }) => {
    // A step that is repeated is the same one, so only a step that passed moves on: with a lie the row ends there.
    const at = asked[turn] ?? 0;
    turn++;
    const settled = row.steps.findIndex(
      (step) => step.kind === "settle" && sending.kind === "held" && step.name === sending.name,
    );
    const answering = settled < 0 ? at : settled;
    const step = row.steps[answering];
    if (!step) throw new Error(`${row.id} has no step ${answering}`);
    const right = rightAnswer(step, names);
    const check = lie?.step === answering ? step.expect[lie.check] : undefined;
    const outcome = check ? wrongAnswer(check, right) : right;
    return {
      sent: Promise.resolve(),
      outcome: Promise.resolve<Outcome>({ kind: "answer", answer: outcome }),
      close: () => undefined,
    };
  };
}

function rightAnswer(step: Step, names: Names): Answer {
  const saved = step.kind === "ask" && step.save !== undefined ? step.save : undefined;
  const at = step.kind === "ask" && step.saveOffset !== undefined ? step.saveOffset : undefined;
  const location: readonly Field[] =
    saved === undefined ? [] : [["Location", names.saved.get(saved) ?? ""]];
  const offset: readonly Field[] =
    at === undefined ? [] : [["Upload-Offset", names.saved.get(at) ?? ""]];
  const told = step.expect.flatMap((check): readonly Field[] =>
    check.kind === "header" || check.kind === "perhaps"
      ? [[check.name, exampleOf(check.value, names)]]
      : [],
  );
  const status = step.expect.find((check) => check.kind === "status");
  const isRefusal = step.expect.some(({ kind }) => kind === "notBeyond" || kind === "ended");
  const whole = step.expect.find((check) => check.kind === "body");
  const sliced = step.expect.find((check) => check.kind === "slice");
  const several = step.expect.find((check) => check.kind === "byteranges");
  const type: readonly Field[] = several
    ? [["Content-Type", `multipart/byteranges; boundary=${BOUNDARY}`]]
    : [];
  const text =
    (several && writeByteranges(several.slices, names.content)) ??
    (sliced && names.content.slice(sliced.start, sliced.end)) ??
    whole?.text ??
    "";
  const members = step.expect.flatMap((check) =>
    check.kind === "member" ? [[check.name, exampleOf(check.value, names)]] : [],
  );
  return {
    status: status?.anyOf[0] ?? (isRefusal ? 409 : 204),
    fields: merge([...location, ...offset, ...type, ...told]),
    interim: step.expect.flatMap((check): readonly Head[] =>
      check.kind === "interim"
        ? [
            {
              status: check.status,
              fields: check.name === "" ? [] : [[check.name, exampleOf(check.value, names)]],
            },
          ]
        : [],
    ),
    body: members.length === 0 ? text : JSON.stringify(Object.fromEntries(members)),
  };
}

/** One line a header: what several checks want of a list goes into one, and of single values the first counts. */
function merge(fields: readonly Field[]): readonly Field[] {
  const lines = new Map<string, Field>();
  for (const [name, value] of fields) {
    const known = lines.get(name.toLowerCase());
    const isList = /^(access-control-|tus-)/i.test(name);
    lines.set(
      name.toLowerCase(),
      known ? [known[0], isList ? `${known[1]}, ${value}` : known[1]] : [name, value],
    );
  }
  return [...lines.values()];
}

const EXAMPLES = [
  "5",
  "11",
  "creation,termination",
  "http://server.example/files/u",
  "max-size=1000",
  "http://server.example/files/0123456789abcdefghijklmnop",
  "application/problem+json",
  '"a"',
];

function exampleOf(match: Match, names: Names): string {
  switch (match.kind) {
    case "any":
      return "something";
    case "is":
      return fill(match.text, names);
    case "looks":
      return EXAMPLES.find((one) => match.like.test(one)) ?? "";
    case "lists":
      return match.member;
    case "withinMax":
      return "1000";
    case "date":
      return "Wed, 25 Jun 2014 16:00:00 GMT";
    case "limits":
      return "max-size=1000, max-age=60";
    case "leads":
      return names.saved.get(match.name) ?? "";
  }
}

/** As right as it was, but for what the check is about. */
function wrongAnswer(check: Check, right: Answer): Answer {
  const others = (name: string) =>
    right.fields.filter(([one]) => one.toLowerCase() !== name.toLowerCase());
  switch (check.kind) {
    case "status":
      return { ...right, status: 599 };
    case "header":
    case "perhaps":
      return { ...right, fields: [...others(check.name), [check.name, wrongValue(check.value)]] };
    case "absent":
      return { ...right, fields: [...right.fields, [check.name, "0"]] };
    case "interim":
      return { ...right, interim: [] };
    case "noInterim": {
      const fields: readonly Field[] = check.name === "" ? [] : [[check.name, "/elsewhere"]];
      return { ...right, interim: [...right.interim, { status: check.status, fields }] };
    }
    case "member":
      return { ...right, body: JSON.stringify({ [check.name]: "wrong" }) };
    case "ended":
      return { ...right, status: 204 };
    case "body":
    case "slice":
      return { ...right, body: `${right.body}!` };
    case "byteranges":
      return { ...right, body: right.body.replace("line", "lime") };
    case "notLarger":
      return { ...right, body: "x".repeat(10_000) };
    case "notBeyond":
      return { ...right, status: 204, fields: [["Upload-Offset", `${check.offset + 6}`]] };
  }
}

const WRONG = ["", "SHA1", "https://elsewhere.example/u"];

function wrongValue(match: Match): string {
  const isRight = (value: string) => match.kind === "looks" && match.like.test(value);
  return [...WRONG, "multipart/byteranges"].find((value) => !isRight(value)) ?? "";
}
