// What was measured last, section by section, in results/bench.json: each with its time and machine, since only figures of one section may be compared.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import type { Row } from "./row.ts";

export interface Section {
  /** ISO 8601. */
  readonly at: string;
  readonly machine: string;
  readonly rounds: { readonly warmUp: number; readonly measured: number };
  readonly rows: readonly Row[];
}

export type Report = Readonly<Record<string, Section>>;

const PLACE = new URL("../results/bench.json", import.meta.url);

export function machineName(): string {
  return `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}`;
}

export async function readReport(): Promise<Report> {
  const text = await readFile(PLACE, "utf8").catch(() => "{}");
  return JSON.parse(text).sections ?? {};
}

/** Puts a section in the place of its last one. */
export async function keepSection(name: string, section: Section): Promise<void> {
  const { [name]: _, ...others } = await readReport();
  await mkdir(new URL(".", PLACE), { recursive: true });
  await writeFile(
    PLACE,
    `${JSON.stringify({ sections: { ...others, [name]: section } }, null, 2)}\n`,
  );
}
