// What the demo says: a line for each thing that happens, and the table at the end.
import { formatSize } from "../../packages/cli/src/sizes.ts";

export interface Told {
  /** One thing that happened, with the time since the beginning. */
  say(line: string): void;
  fail(line: string): void;
  table(rows: readonly (readonly [string, string])[]): void;
  seconds(): number;
}

export function tell(): Told {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  return {
    seconds,
    say: (line) => console.log(`${seconds().toFixed(1).padStart(6)} s  ${line}`),
    fail: (line) => console.error(`\nThe demo failed: ${line}`),
    table(rows) {
      const width = Math.max(...rows.map(([name]) => name.length));
      console.log();
      for (const [name, value] of rows) console.log(`  ${name.padEnd(width)}  ${value}`);
      console.log();
    },
  };
}

/** A size to read, and the exact one where it is not plain. */
export function exact(size: number): string {
  return size < 1024 ? formatSize(size) : `${formatSize(size)} (${size.toLocaleString("en-US")} B)`;
}
