// The order checker must find what it is for: traces made by hand, one sound and the others each with one fault.
import { describe, expect, it } from "vitest";
import { checkOrder, type OrderReport } from "./order.ts";
import { readTrace } from "./strace.ts";

const ID = "abcdefghijklmnopqrstuvwxya";
const TCP = "25<TCP:[127.0.0.1:8420->127.0.0.1:50000]>";
const BYTES = `30</data/uploads/${ID}.bytes>`;
const MANIFEST = `32</data/uploads/${ID}.manifest>`;
const WAL = "12</data/holdfast.db-wal>";
const MIB = 1024 * 1024;

const STEPS = {
  create: `openat(AT_FDCWD, "/data/uploads/${ID}.bytes", O_RDWR|O_CREAT, 0600) = ${BYTES} <0.0001>`,
  ask: `read(${TCP}, "PUT /v1/uploads/${ID}/parts/0 HTTP/1.1\\r\\nHost: x\\r\\n"..., 65536) = 65536 <0.0001>`,
  append: `read(${TCP}, "PATCH /v1/uploads/${ID} HTTP/1.1\\r\\nHost: x\\r\\n"..., 65536) = 65536 <0.0001>`,
  complete: `read(${TCP}, "POST /v1/uploads/${ID}/complete HTTP/1.1\\r\\nHost: x\\r\\n"..., 65536) = 99 <0.0001>`,
  file: `read(${TCP}, "POST /v1/files HTTP/1.1\\r\\nContent-Length: 1048576\\r\\nHost: x\\r\\n"..., 65536) = 65536 <0.0001>`,
  empty: `read(${TCP}, "POST /v1/files HTTP/1.1\\r\\nContent-Length: 0\\r\\nHost: x\\r\\n"..., 65536) = 99 <0.0001>`,
  synced: `openat(AT_FDCWD, "/data/uploads/${ID}.bytes", O_RDWR|O_CREAT|O_DSYNC, 0600) = ${BYTES} <0.0001>`,
  cut: `ftruncate(${BYTES}, 1048000) = 0 <0.0001>`,
  sealed: `fdatasync(${BYTES}) = 0 <0.0100>`,
  made: `openat(AT_FDCWD, "/data/uploads/${ID}.manifest", O_RDWR|O_CREAT, 0600) = ${MANIFEST} <0.0001>`,
  manifest: `pwrite64(${MANIFEST}, "{"..., 400, 0) = 400 <0.0001>`,
  cutManifest: `ftruncate(${MANIFEST}, 400) = 0 <0.0001>`,
  flushManifest: `fdatasync(${MANIFEST}) = 0 <0.0100>`,
  named: "fsync(31</data/uploads>) = 0 <0.0100>",
  published: `pwrite64(${WAL}, "\\0"..., 4120, 4152) = 4120 <0.0001>`,
  committed: `fdatasync(${WAL}) = 0 <0.0100>`,
  write1: `pwrite64(${BYTES}, "\\1\\2"..., 524288, 0) = 524288 <0.0100>`,
  write2: `pwrite64(${BYTES}, "\\1\\2"..., 524288, 524288) = 524288 <0.0100>`,
  flush: `fdatasync(${BYTES}) = 0 <0.0100>`,
  directory: "fsync(31</data/uploads>) = 0 <0.0100>",
  record: `pwrite64(${WAL}, "\\0"..., 4120, 32) = 4120 <0.0001>`,
  commit: `fdatasync(${WAL}) = 0 <0.0100>`,
  answer: `writev(${TCP}, [{iov_base="HTTP/1.1 200 OK\\r\\nContent-Type: application/json"..., iov_len=300}], 1) = 300 <0.0001>`,
  accepted: `write(${TCP}, "HTTP/1.1 202 Accepted\\r\\n"..., 300) = 300 <0.0001>`,
  refusal: `write(${TCP}, "HTTP/1.1 422 Unprocessable Content\\r\\n"..., 300) = 300 <0.0001>`,
} as const;
type Step = keyof typeof STEPS;

const SOUND: readonly Step[] = [
  "create",
  "ask",
  "write1",
  "write2",
  "flush",
  "directory",
  "record",
  "commit",
  "answer",
];

/** Steps one second apart. */
function check(steps: readonly Step[], isSequential = true): OrderReport {
  const lines = steps.map((step, at) => `${100 + at} ${1000 + at}.000000 ${STEPS[step]}`);
  return checkLines(lines, isSequential);
}

function checkLines(lines: readonly string[], isSequential = true): OrderReport {
  return checkOrder(readTrace(lines.join("\n")), {
    partSize: MIB,
    size: 4 * MIB,
    isBytes: (path, id) => path.endsWith(`/${id}.bytes`),
    isManifest: (path, id) => path.endsWith(`/${id}.manifest`),
    isJournal: (path) => path.endsWith("-wal"),
    isSequential,
  });
}

function without(...steps: readonly Step[]): readonly Step[] {
  return SOUND.filter((step) => !steps.includes(step));
}

function moved(step: Step, before: Step): readonly Step[] {
  return without(step).flatMap((other) => (other === before ? [step, other] : [other]));
}

/** Two steps in each other's place. */
function swap(steps: readonly Step[], one: Step, other: Step): readonly Step[] {
  return steps.map((step) => (step === one ? other : step === other ? one : step));
}

function drop(steps: readonly Step[], ...dropped: readonly Step[]): readonly Step[] {
  return steps.filter((step) => !dropped.includes(step));
}

/** A step right after another one. */
function later(steps: readonly Step[], moved: Step, after: Step): readonly Step[] {
  return drop(steps, moved).flatMap((step) => (step === after ? [step, moved] : [step]));
}

describe("the order checker", () => {
  it("finds nothing wrong in a sound trace", () => {
    expect(check(SOUND)).toEqual({ answers: 1, violations: [] });
  });

  it.each<[string, readonly Step[], RegExp]>([
    ["a part that was not written", without("write2"), /not all written/],
    ["a missing data flush", without("flush"), /not flushed/],
    ["a data flush before the last write", moved("flush", "write2"), /not flushed/],
    ["a data flush after the record", moved("record", "flush"), /record was written before/],
    ["a missing record", without("record", "commit"), /no record/],
    ["a missing record flush", without("commit"), /record was not flushed/],
    ["a record flush before the record", moved("commit", "record"), /record was not flushed/],
    ["an answer before the record flush", moved("answer", "commit"), /record was not flushed/],
    ["an answer before the data flush", moved("answer", "flush"), /not flushed/],
    ["a directory entry that was not flushed", without("directory"), /directory entry/],
  ])("finds %s", (_, steps, why) => {
    const { answers, violations } = check(steps);
    expect(answers).toBe(1);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatch(why);
  });

  it("finds a record before the flush among parallel requests by the missing one after it", () => {
    expect(check(moved("record", "flush"), false).violations[0]).toMatch(/no record/);
  });

  it("finds an answer while the flush is still under way", () => {
    const lines = SOUND.filter((step) => step !== "commit").map(
      (step, at) => `1 ${1000 + at}.000000 ${STEPS[step]}`,
    );
    const begun = `7 1007.500000 fdatasync(${WAL} <unfinished ...>`;
    const early = "7 1009.500000 <... fdatasync resumed>) = 0 <2.000000>";
    lines.splice(7, 0, begun);
    expect(checkLines([...lines, early]).violations[0]).toMatch(/record was not flushed/);
  });

  it.each<[string, (steps: readonly Step[]) => readonly Step[], RegExp | undefined]>([
    ["nothing wrong in a sound one", (steps) => steps, undefined],
    ["no write", (steps) => steps.filter((step) => !step.startsWith("write")), /not all written/],
    ["no flush", (steps) => steps.filter((step) => step !== "flush"), /not flushed/],
    ["no directory", (steps) => steps.filter((step) => step !== "directory"), /directory entry/],
    ["a record before the flush", () => swap(SOUND, "flush", "record"), /no record/],
    ["an answer before the record's flush", () => swap(SOUND, "commit", "answer"), /not flushed/],
  ])("finds of an append: %s", (_, change, why) => {
    const steps = change(SOUND).map((step) => (step === "ask" ? "append" : step));
    const { answers, violations } = check(steps);
    expect(answers).toBe(1);
    if (why) expect(violations[0]).toMatch(why);
    else expect(violations).toEqual([]);
  });

  const SMALL: readonly Step[] = [
    ...(["file", "synced", "write1", "write2", "directory"] as const),
    ...(["record", "commit", "answer"] as const),
  ];
  const EMPTY: readonly Step[] = [
    ...(["empty", "synced", "flush", "directory", "record", "commit", "answer"] as const),
  ];
  const COMPLETE: readonly Step[] = [
    ...([
      "create",
      "write1",
      "write2",
      "flush",
      "directory",
      "complete",
      "record",
      "commit",
    ] as const),
    ...(["cut", "sealed", "made", "manifest", "cutManifest", "flushManifest", "named"] as const),
    ...(["published", "committed", "answer"] as const),
  ];
  const LARGE: readonly Step[] = COMPLETE.flatMap((step) =>
    step === "complete" ? [] : step === "create" ? ["file", "create"] : [step],
  );

  it.each<[string, readonly Step[], RegExp | undefined]>([
    ["a small file: nothing", SMALL, undefined],
    ["a small file: no write", drop(SMALL, "write2"), /not all written/],
    ["a small file: no name", drop(SMALL, "directory"), /directory entry/],
    ["a small file: a name before its file", swap(SMALL, "synced", "directory"), /directory entry/],
    [
      "a small file: a write after the name and the record",
      later(SMALL, "write2", "record"),
      /before/,
    ],
    ["a small file: a record before its name", swap(SMALL, "directory", "record"), /record was/],
    ["a small file: no record", drop(SMALL, "record", "commit"), /no record/],
    ["a small file: no flush of the record", drop(SMALL, "commit"), /record was not flushed/],
    ["a small file: an early answer", swap(SMALL, "commit", "answer"), /record was not flushed/],
    [
      "a small file: no file",
      drop(SMALL, "synced", "write1", "write2"),
      /not made|not all written/,
    ],
    [
      "a small file: writes that are no flush of their own",
      SMALL.map((step) => (step === "synced" ? "create" : step)),
      /bytes were not flushed/,
    ],
    ["an empty file: nothing", EMPTY, undefined],
    ["an empty file: no flush", drop(EMPTY, "flush"), /not flushed/],
    ["an empty file: no name", drop(EMPTY, "directory"), /directory entry/],
    ["a completion: nothing", COMPLETE, undefined],
    ["a completion: no flush of the cut", drop(COMPLETE, "sealed"), /after they were cut/],
    ["a completion: a cut after its flush", swap(COMPLETE, "cut", "sealed"), /after they were cut/],
    ["a completion: no manifest", drop(COMPLETE, "manifest"), /no manifest/],
    [
      "a completion: a manifest that is not flushed",
      drop(COMPLETE, "flushManifest"),
      /its manifest/,
    ],
    [
      "a completion: a manifest that is written after its flush",
      swap(COMPLETE, "manifest", "flushManifest"),
      /its manifest/,
    ],
    ["a completion: no name of the manifest", drop(COMPLETE, "named"), /manifest's directory/],
    [
      "a completion: its record before the cut is flushed",
      later(COMPLETE, "sealed", "published"),
      /no r/,
    ],
    [
      "a completion: its record before the manifest's flush",
      later(COMPLETE, "flushManifest", "published"),
      /no r/,
    ],
    [
      "a completion: its record before the manifest's name",
      swap(COMPLETE, "named", "published"),
      /no r/,
    ],
    [
      "a completion: an early answer",
      swap(COMPLETE, "committed", "answer"),
      /record was not flushed/,
    ],
    ["a large file: nothing", LARGE, undefined],
    ["a large file: no write", drop(LARGE, "write2"), /not all written/],
    ["a large file: no flush", drop(LARGE, "flush", "sealed"), /not flushed/],
    [
      "a large file: no name",
      LARGE.filter((step) => step !== "directory" && step !== "named"),
      /entry/,
    ],
    ["a large file: no manifest's flush", drop(LARGE, "flushManifest"), /its manifest/],
    ["a large file: an early record", swap(LARGE, "named", "published"), /no record/],
    ["a large file: an early answer", swap(LARGE, "committed", "answer"), /record was not flushed/],
  ])("finds of %s", (_, steps, why) => {
    const { answers, violations } = check(steps);
    expect(answers).toBe(1);
    if (why) expect(violations[0]).toMatch(why);
    else expect(violations).toEqual([]);
  });

  it("judges no 202: it acknowledges nothing yet", () => {
    const steps: readonly Step[] = ["create", "complete", "accepted"];
    expect(check(steps)).toEqual({ answers: 0, violations: [] });
  });

  it("judges no refusal", () => {
    const steps: readonly Step[] = ["create", "ask", "write1", "refusal"];
    expect(check(steps)).toEqual({ answers: 0, violations: [] });
  });

  it("finds a failed flush that was taken for one", () => {
    const lines = SOUND.map((step, at) => `1 ${1000 + at}.000000 ${STEPS[step]}`);
    lines[4] = `1 1004.000000 fdatasync(${BYTES}) = -1 EIO (Input/output error) <0.0100>`;
    expect(checkLines(lines).violations[0]).toMatch(/not flushed/);
  });
});
