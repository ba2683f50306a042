// Under strace: what the client's checkpoint store has answered is flushed.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { readTrace, STRACE, targetOf } from "./kit/strace.ts";

const STORE = new URL("../packages/client/src/node/checkpoint.ts", import.meta.url).href;

it("answers no save, and no removal, before the log that holds it is flushed", () =>
  withScratch(async (directory) => {
    const trace = join(directory, "trace");
    const script = `
      import { writeSync } from "node:fs";
      import { createCheckpointStore } from ${JSON.stringify(STORE)};
      const store = createCheckpointStore({ directory: ${JSON.stringify(directory)}, now: () => Date.now() });
      await store.load("k");
      for (let at = 0; at < 5; at++) {
        await store.save("k", "value " + at);
        writeSync(1, "told\\n");
      }
      await store.remove("k");
      writeSync(1, "told\\n");`;
    const node = [process.execPath, "--input-type=module-typescript", "-e", script];
    const [strace = "", ...args] = [...STRACE, "-o", trace, ...node];
    await promisify(execFile)(strace, args);
    const calls = readTrace(await readFile(trace, "latin1"));
    const isLog = (call: (typeof calls)[number]) => targetOf(call).endsWith("-wal");
    const answers = calls.filter(({ args: text }) => text.includes('"told'));
    expect(answers).toHaveLength(6);
    let since = 0;
    for (const answer of answers) {
      const writes = calls.filter(
        (call) =>
          call.name === "pwrite64" && isLog(call) && call.begin > since && call.end < answer.begin,
      );
      const last = Math.max(...writes.map(({ end }) => end));
      expect(writes.length).toBeGreaterThan(0);
      const flushes = calls.filter(
        (call) =>
          call.name === "fdatasync" && isLog(call) && call.begin > last && call.end < answer.begin,
      );
      expect(flushes.length).toBeGreaterThan(0);
      since = answer.end;
    }
  }));
