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
import { figureOf, interleave } from "./measure.ts";
import { type Row, ratioRow } from "./row.ts";
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
      return ratioRow({
        name: `${step}: ms an upload, among ${MANY.toLocaleString("en")}`,
        ours: figure("many"),
        peer: `among ${FEW.toLocaleString("en")}`,
        theirs: figure("few"),
        digits: 3,
        target: { atMost: 2 },
      });
    });
  } finally {
    await Promise.all([few.store.close(), many.store.close()]);
    await rm(directory, { recursive: true });
  }
}

async function fill(directory: string, uploads: number): Promise<ScaledStore> {
  const startedAt = performance.now();
  const store = await openSqliteMetadata({ path: join(directory, `${uploads}.sqlite`) });
  const scaled = await fillStore(store, uploads);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.error(`${uploads.toLocaleString("en")} uploads recorded in ${seconds} s`);
  return scaled;
}
