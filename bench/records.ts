// Rows: what one step costs in records of a million uploads, beside records of few.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { openSqliteMetadata } from "@holdfast/server/metadata/sqlite";
import {
  fillStore,
  SCALE_STEPS,
  type ScaledStore,
  type ScaleRound,
} from "@holdfast/testkit/metadata/scale";
import { type Figure, figureOf, interleave } from "./measure.ts";
import { type Row, showFigure } from "./row.ts";
import type { Stage } from "./stage.ts";

const MANY = 1_000_000;
const FEW = 1_000;

export async function recordsRows(stage: Stage): Promise<readonly Row[]> {
  const directory = join(stage.directory, "records");
  await mkdir(directory, { recursive: true });
  const few = await fill(directory, FEW);
  const many = await fill(directory, MANY);
  try {
    const contenders = [
      { name: "few", run: few.round },
      { name: "many", run: many.round },
    ];
    const samples = await interleave(contenders, stage.rounds, async () => undefined);
    return SCALE_STEPS.map((step) => {
      const figure = (name: string) =>
        figureOf((samples.get(name) ?? []).map((round: ScaleRound) => round[step]));
      return rowOf(step, figure("many"), figure("few"));
    });
  } finally {
    await Promise.all([few.store.close(), many.store.close()]);
    await rm(directory, { recursive: true });
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

async function fill(directory: string, uploads: number): Promise<ScaledStore> {
  const startedAt = performance.now();
  const store = await openSqliteMetadata({ path: join(directory, `${uploads}.sqlite`) });
  const scaled = await fillStore(store, uploads);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.error(`${uploads.toLocaleString("en")} uploads recorded in ${seconds} s`);
  return scaled;
}
