// `npm run bench`: everything in interleaved rounds, as a Markdown table and as results/bench.json; `--page` writes docs/performance.md from that.
import { parseArgs } from "node:util";
import { browserRows } from "./browser.ts";
import { clientRows } from "./client.ts";
import { directRows } from "./direct.ts";
import { downloadRows } from "./downloads.ts";
import { fetchLineARows, fetchRows } from "./fetching.ts";
import { followRows } from "./follow.ts";
import { parallelRows } from "./ingest.ts";
import { browserFreezeRows, browserLineARows, browserLineCRows } from "./lines/browser.ts";
import { lineBRows } from "./lines/packets.ts";
import { freezeRows, lineARows, lineCRows } from "./lines/rows.ts";
import { memoryRows } from "./memory.ts";
import { oneFileRows } from "./one-file.ts";
import { writePage } from "./page.ts";
import { postgresRecordsRows, recordsRows } from "./records.ts";
import { keepSection, machineName, readReport } from "./report.ts";
import { HEAD, type Row, showRow } from "./row.ts";
import { s3Rows } from "./s3.ts";
import { scaleDiskRows, scaleRows } from "./scale.ts";
import { slowFlushRows } from "./slow-flush.ts";
import { smallRows } from "./small.ts";
import { type Stage, withStage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    /** The name of the section to run, or a part of the names of several. */
    only: { type: "string", default: "" },
    /** Measures nothing: writes the page from what was measured last. */
    page: { type: "boolean", default: false },
  },
});

const SECTIONS: Readonly<Record<string, (stage: Stage) => Promise<readonly Row[]>>> = {
  parallel: parallelRows,
  "one-file": oneFileRows,
  small: smallRows,
  downloads: downloadRows,
  follow: followRows,
  client: clientRows,
  browser: browserRows,
  direct: directRows,
  s3: s3Rows,
  memory: memoryRows,
  records: recordsRows,
  "records-postgres": postgresRecordsRows,
  scale: scaleRows,
  "scale-disk": scaleDiskRows,
  "slow-flush": slowFlushRows,
  fetch: fetchRows,
  "fetch-line-a": fetchLineARows,
  "line-a": lineARows,
  "line-a-freezes": freezeRows,
  "line-b": lineBRows,
  "line-c": lineCRows,
  "browser-line-a": browserLineARows,
  "browser-line-a-freezes": browserFreezeRows,
  "browser-line-c": browserLineCRows,
};

async function measureAll(): Promise<void> {
  const isOne = values.only in SECTIONS;
  const wanted = Object.entries(SECTIONS).filter(([name]) =>
    isOne ? name === values.only : name.includes(values.only),
  );
  if (wanted.length === 0) throw new Error(`no section is named like ${values.only}`);
  const rounds = { warmUp: 1, measured: Number(values.rounds) };
  const machine = machineName();
  console.log(`${machine}; median [min-max] of ${rounds.measured} interleaved rounds\n\n${HEAD}`);
  await withStage(rounds, async (stage) => {
    for (const [name, measure] of wanted) {
      const rows = await measure(stage);
      for (const row of rows) console.log(showRow(row));
      await keepSection(name, { at: new Date().toISOString(), machine, rounds, rows });
    }
  });
}

if (values.page) await writePage(await readReport());
else await measureAll();
