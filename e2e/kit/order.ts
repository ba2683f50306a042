// The promise behind a 2xx, checked on a trace of system calls: data written, data flushed, its name flushed, the record written and flushed, only then the answer.
import { findAnswers, nameOf } from "./answers.ts";
import {
  type Case,
  type Durable,
  durableManifest,
  durableParts,
  durableSeal,
  durableSince,
  FLUSHES,
  firstAfter,
  hasManifest,
  isFailed,
  last,
  type TraceSubject,
  WRITES,
} from "./durable.ts";
import { type Call, targetOf } from "./strace.ts";

export interface OrderReport {
  /** 2xx answers that were found and judged. */
  readonly answers: number;
  readonly violations: readonly string[];
}

export function checkOrder(calls: readonly Call[], subject: TraceSubject): OrderReport {
  const answers = findAnswers(calls);
  const violations = answers.flatMap((answer) => {
    const before = calls.filter((call) => call.end <= answer.answeredAt && !isFailed(call));
    const why = judge({ subject, answer, before });
    return why === undefined ? [] : [`${nameOf(answer)} at ${answer.answeredAt}: ${why}`];
  });
  return { answers: answers.length, violations };
}

/** Why an answer came too early, or undefined where it did not. */
function judge(one: Case): string | undefined {
  switch (one.answer.kind) {
    case "parts":
      return judgeRecord(one, durableParts(one), "once");
    case "complete":
      return judgeRecord(one, durableFile(one), "in steps");
    case "append":
      return judgeRecord(one, durableBytes(one), "in steps");
    case "file":
      // A small one is one object, and its manifest stands in its record; a large one goes the way of an append.
      return judgeRecord(one, durableBytes(one), hasManifest(one) ? "in steps" : "once");
  }
}

/** With the last bytes the file is there. */
function durableBytes(one: Case): Durable {
  return hasManifest(one) ? last(durableSince(one), durableFile(one)) : durableSince(one);
}

function durableFile(one: Case): Durable {
  return last(durableSeal(one), durableManifest(one));
}

/** A record is written once everything is durable, and flushed. Of one that commits once, none is written before that where one request was sent at a time. */
function judgeRecord(
  { subject, answer, before }: Case,
  durable: Durable,
  commits: "once" | "in steps",
): string | undefined {
  if (typeof durable === "string") return durable;
  const journal = before.filter((call) => subject.isJournal(targetOf(call)));
  const records = journal.filter((call) => WRITES.has(call.name));
  const early = records.find((call) => call.begin >= answer.askedAt && call.begin < durable);
  if (subject.isSequential && commits === "once" && early) {
    return "a record was written before its bytes were durable";
  }
  const record = firstAfter(records, durable);
  if (!record) return "no record was written after its bytes were durable";
  const flushes = journal.filter((call) => FLUSHES.has(call.name));
  return firstAfter(flushes, record.end) ? undefined : "its record was not flushed";
}
