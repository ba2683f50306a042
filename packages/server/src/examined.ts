// What the stores of a server were found to be able to do, kept for a start after a crash: to find out takes some 25 calls one after the other, and long where the store is busy.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@holdfast/engine";
import { VERSION } from "./config.ts";
import { replaceFile } from "./durable-file.ts";
import type { Known } from "./storage/s3/examine.ts";

const FILE = "examined.json";

export interface Examinations {
  /** By whatever tells one store, and one use of it, from another. */
  find(name: string): Known | undefined;
  keep(name: string, known: Known): void;
  /** At an orderly end: whoever ends a server may set its stores otherwise before the next start, and is to hear of it. */
  forget(): void;
}

/** Those of the server that owns the data directory. */
export function openExaminations(directory: string, log: Log): Examinations {
  const path = join(directory, FILE);
  const stores = read(path);

  function note(write: () => void): void {
    try {
      write();
    } catch (error) {
      log("warn", "what the stores can do cannot be noted", { error });
    }
  }
  return {
    find: (name) => stores.get(name),
    keep(name, known) {
      stores.set(name, known);
      const text = { program: VERSION, stores: Object.fromEntries(stores) };
      note(() => replaceFile(path, `${JSON.stringify(text)}\n`));
    },
    forget: () => note(() => rmSync(path, { force: true })),
  };
}

/** Whatever is wrong with the file, the stores can be examined. */
function read(path: string): Map<string, Known> {
  try {
    const { program, stores } = Object(JSON.parse(readFileSync(path, "utf8")));
    // Another version looks for something else.
    return program === VERSION ? new Map(Object.entries<Known>(stores)) : new Map();
  } catch {
    return new Map();
  }
}
