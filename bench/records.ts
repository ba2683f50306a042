// Rows: what one step costs in records of a million uploads, beside records of few.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { MetadataStore } from "@holdfast/engine";
import { openPostgresMetadata } from "@holdfast/server/metadata/postgres";
import { openSqliteMetadata } from "@holdfast/server/metadata/sqlite";
import {
  fillStore,
  SCALE_STEPS,
  type ScaledStore,
  type ScaleRound,
} from "@holdfast/testkit/metadata/scale";
import { startPostgres } from "@holdfast/testkit/services/postgres";
import { type Figure, figureOf, interleave } from "./measure.ts";
import { type Row, showFigure } from "./row.ts";
import type { Stage } from "./stage.ts";

const MANY = 1_000_000;
const FEW = 1_000;

export async function recordsRows(stage: Stage): Promise<readonly Row[]> {
  const directory = join(stage.directory, "records");
  await mkdir(directory, { recursive: true });
  try {
    const pathOf = (uploads: number) => join(directory, `${uploads}.sqlite`);
    return await compare(stage, "", (uploads) => openSqliteMetadata({ path: pathOf(uploads) }));
  } finally {
    await rm(directory, { recursive: true });
  }
}

export async function postgresRecordsRows(stage: Stage): Promise<readonly Row[]> {
  const postgres = await startPostgres();
  try {
    const addressOf = (uploads: number) => `${postgres.url}?schema=of_${uploads}`;
    return await compare(stage, "PostgreSQL, ", (uploads) =>
      openPostgresMetadata({ address: addressOf(uploads), place: "bench" }),
    );
  } finally {
    await postgres.stop();
  }
}

type Open = (uploads: number) => Promise<MetadataStore>;

async function compare(stage: Stage, prefix: string, open: Open): Promise<readonly Row[]> {
  const few = await fill(open, FEW);
  const many = await fill(open, MANY);
  try {
    const contenders = [
      { name: "few", run: few.round },
      { name: "many", run: many.round },
    ];
    const samples = await interleave(contenders, stage.rounds, async () => undefined);
    return SCALE_STEPS.map((step) => {
      const figure = (name: string) =>
        figureOf((samples.get(name) ?? []).map((round: ScaleRound) => round[step]));
      return rowOf(`${prefix}${step}`, figure("many"), figure("few"));
    });
  } finally {
    await Promise.all([few.store.close(), many.store.close()]);
  }
}

/** What is compared are the fastest rounds: rounds this short are disturbed by everything else on the machine, and nothing makes one faster than it is. */
function rowOf(step: string, many: Figure, few: Figure): Row {
  const ours = showFigure(many, 3);
  const theirs = `${showFigure(few, 3)} among ${FEW.toLocaleString("en")}`;
  const value = many.min / few.min;
  const name = `${step}: ms an upload, among ${MANY.toLocaleString("en")}; ratio of the fastest rounds`;
  const data = { many, few };
  return { name, ours, theirs, value, target: "<= 2.00 x", isMet: value <= 2, data };
}

async function fill(open: Open, uploads: number): Promise<ScaledStore> {
  const startedAt = performance.now();
  const scaled = await fillStore(await open(uploads), uploads);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.error(`${uploads.toLocaleString("en")} uploads recorded in ${seconds} s`);
  return scaled;
}
