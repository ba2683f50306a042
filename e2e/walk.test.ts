// The way of a part from socket to disk, as docs/architecture.md tells it: at most 8 functions in at most 8 files, each of which really calls the next.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** How each function calls the next one, in order; the last is the system call. */
const CALLS = [
  "await answer(front, request)",
  "await handler(front, ",
  "await engine.putRun(principal, ",
  "await receiveRun(context, upload, ",
  "writer.write(",
  "storage.write(",
  "await file.pwrite(",
  "write(fd, ",
];

/** The same for an append: three rows are its own. */
const APPEND_CALLS = new Map([
  [3, "await engine.append(principal, "],
  [4, "await receiveAppend(context, upload, "],
  [5, "writer.write("],
]);

describe("the way of an append", () => {
  it("differs from that of a part in three functions, each of which calls the next", async () => {
    const page = await readFile(`${ROOT}docs/architecture.md`, "utf8");
    const rows = [...page.matchAll(/^\| a([1-9]) \| `(\w+)` \| `([^`]+)` \|/gm)];
    expect(rows.map(([, number]) => Number(number))).toEqual([...APPEND_CALLS.keys()]);
    for (const [, number, name, file = ""] of rows) {
      const text = await readFile(`${ROOT}${file}`, "utf8");
      expect(text).toMatch(new RegExp(`function ${name}\\b`));
      expect(text).toContain(APPEND_CALLS.get(Number(number)));
    }
  });
});

describe("the way of a part", () => {
  it("is the one in the architecture page, and short", async () => {
    const page = await readFile(`${ROOT}docs/architecture.md`, "utf8");
    const rows = [...page.matchAll(/^\| [1-9][0-9]* \| `(\w+)` \| `([^`]+)` \|/gm)];
    expect(rows).toHaveLength(CALLS.length);
    expect(rows.length).toBeLessThanOrEqual(8);
    for (const [at, [, name, file = ""]] of rows.entries()) {
      const text = await readFile(`${ROOT}${file}`, "utf8");
      expect(text).toMatch(
        new RegExp(`(function ${name}\\b|\\b${name}: \\(|^\\s+${name}\\()`, "m"),
      );
      expect(text).toContain(CALLS[at]);
    }
  });
});
