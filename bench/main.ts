// `npm run bench`: everything in interleaved rounds, as a Markdown table and as results/bench.json.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { oneFileRows, parallelRows } from "./ingest.ts";
import { memoryRows } from "./memory.ts";
import { HEAD, type Row, showRow } from "./row.ts";
import { slowFlushRows } from "./slow-flush.ts";
import { type Stage, withStage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
  },
});

const SECTIONS: Readonly<Record<string, (stage: Stage) => Promise<readonly Row[]>>> = {
  parallel: parallelRows,
  "one-file": oneFileRows,
  memory: memoryRows,
  "slow-flush": slowFlushRows,
};

const rounds = { warmUp: 1, measured: Number(values.rounds) };
const machine = `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}`;
console.log(`${machine}; median [min-max] of ${rounds.measured} interleaved rounds\n\n${HEAD}`);
const rows: Row[] = [];
await withStage(rounds, async (stage) => {
  for (const [name, measure] of Object.entries(SECTIONS)) {
    if (!name.includes(values.only)) continue;
    for (const row of await measure(stage)) {
      rows.push(row);
      console.log(showRow(row));
    }
  }
});
const results = new URL("../results/", import.meta.url);
await mkdir(results, { recursive: true });
const report = { at: new Date().toISOString(), machine, rounds, rows };
await writeFile(new URL("bench.json", results), `${JSON.stringify(report, null, 2)}\n`);
