// Under strace: a small file in one request is written and flushed, its name too, then its record, only then the answer.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { KIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { type Call, readTrace, STRACE, targetOf } from "./kit/strace.ts";

/** Whole blocks, which go past the page cache, and an end within one. */
const SIZES = [64 * KIB, 5000, 0];

it(
  "acknowledges no small file before bytes, name and record are durable",
  { timeout: 40_000 },
  () =>
    withScratch(async (directory) => {
      const trace = join(directory, "trace");
      const server = await startServer({
        data: join(directory, "data"),
        port: await freePort(),
        wrapper: [...STRACE, "-o", trace],
      });
      for (const size of SIZES) {
        const answer = await fetch(`${server.url}/v1/files`, {
          method: "POST",
          headers: { "content-disposition": 'attachment; filename="a"' },
          body: new Uint8Array(size).fill(7),
        });
        expect(answer.status).toBe(201);
      }
      await stopServer(server);
      const calls = readTrace(await readFile(trace, "latin1"));
      const answers = calls.filter(({ args }) => args.includes('"HTTP/1.1 201'));
      const files = calls.filter((call) => isOpened(call));
      expect([answers.length, files.length]).toEqual([SIZES.length, SIZES.length]);
      for (const [at, size] of SIZES.entries()) {
        const [file, answer] = [files[at], answers[at]];
        expect(file && answer && stepsOf(calls, file, answer, size)).toEqual(
          "bytes name record answer",
        );
      }
    }),
);

const FLUSHES = new Set(["fdatasync", "fsync"]);

function isOpened({ name, args, result }: Call): boolean {
  return name === "openat" && args.includes("O_CREAT") && /\.bytes>?$/.test(result);
}

/** How far the order held, in the words of the promise. */
function stepsOf(calls: readonly Call[], file: Call, answer: Call, size: number): string {
  const path = /<(.*)>/.exec(file.result)?.[1] ?? "";
  const isSynced = file.args.includes("O_DSYNC");
  const first = (from: number, isIt: (call: Call) => boolean): number =>
    calls.find((call) => call.begin >= from && !call.result.startsWith("-1") && isIt(call))?.end ??
    Number.POSITIVE_INFINITY;
  const of = (target: string, names: ReadonlySet<string>) => (call: Call) =>
    names.has(call.name) && targetOf(call) === target;
  const writes = (call: Call) =>
    call.name === "pwrite64" && targetOf(call) === path && call.result === `${size}`;
  const written = size === 0 ? file.end : first(file.end, writes);
  const bytes = isSynced && size > 0 ? written : first(written, of(path, FLUSHES));
  const name = first(bytes, of(path.replace(/\/[^/]*$/, ""), FLUSHES));
  const wal = (names: ReadonlySet<string>) => (call: Call) =>
    names.has(call.name) && targetOf(call).endsWith("-wal");
  // Nothing of the record is written before the name is durable.
  const early = calls.some(
    (call) => call.begin > file.begin && call.begin < name && wal(new Set(["pwrite64"]))(call),
  );
  const record = first(first(name, wal(new Set(["pwrite64"]))), wal(FLUSHES));
  const steps = [
    [bytes <= answer.begin, "bytes"],
    [name <= answer.begin, "name"],
    [record <= answer.begin && !early, "record"],
    [answer.begin < Number.POSITIVE_INFINITY, "answer"],
  ] as const;
  return steps.flatMap(([isKept, step]) => (isKept ? [step] : [])).join(" ");
}
