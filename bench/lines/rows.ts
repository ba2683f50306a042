// Rows: what our command line makes of the bad lines of the targets, beside tus-js-client on the same resets.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { stopServer } from "@holdfast/testkit/process";
import { writeContent } from "../../e2e/kit/source.ts";
import { figureOf, interleave } from "../measure.ts";
import { type Row, showFigure } from "../row.ts";
import { type Stage, serveHoldfast, serveTus } from "../stage.ts";
import { type Condition, LINE_A_FREEZES, LINE_A_RESETS, LINE_C } from "./conditions.ts";
import { type LineSample, type Sending, sendByCli, sendByTus } from "./send.ts";

export const lineARows = (stage: Stage): Promise<readonly Row[]> =>
  measureLine(stage, LINE_A_RESETS, byCommands(stage));
export const freezeRows = (stage: Stage): Promise<readonly Row[]> =>
  measureLine(stage, LINE_A_FREEZES, byCommands(stage));
export const lineCRows = (stage: Stage): Promise<readonly Row[]> =>
  measureLine(stage, LINE_C, byCommands(stage));

const byCommands = ({ directory }: Stage): Senders => ({
  env: {},
  ours: (sending) => sendByCli(sending, directory),
  theirs: sendByTus,
});

/** What sends the file: our client and tus-js-client, each to a server of its own; `env` is what ours needs for that. */
export interface Senders {
  readonly env: Readonly<Record<string, string>>;
  readonly ours: (sending: Sending) => Promise<LineSample>;
  readonly theirs: (sending: Sending) => Promise<LineSample>;
}

export async function measureLine(
  stage: Stage,
  condition: Condition,
  senders: Senders,
): Promise<readonly Row[]> {
  const path = join(stage.directory, "line-source");
  await writeContent(path, { seed: 3, size: condition.size });
  const holdfast = await serveHoldfast(stage, "line", { env: senders.env });
  const tus = await serveTus(stage);
  const counts = { ours: 0, theirs: 0 };
  const sending = (targetPort: number, round: number) => ({ condition, round, path, targetPort });
  const contenders = [
    { name: "ours", run: () => senders.ours(sending(holdfast.port, counts.ours++)) },
    { name: "theirs", run: () => senders.theirs(sending(tus.port, counts.theirs++)) },
  ];
  const rounds = { warmUp: 0, measured: Math.min(stage.rounds.measured, condition.roundsMax) };
  const samples = await interleave(contenders, rounds, async () => undefined);
  await tus.clear();
  await tus.stop();
  await stopServer(holdfast);
  await rm(path);
  await rm(join(stage.directory, "line"), { recursive: true });
  return rowsOf(condition, samples.get("ours") ?? [], samples.get("theirs") ?? []);
}

function rowsOf(
  { name, target }: Condition,
  ours: readonly LineSample[],
  theirs: readonly LineSample[],
): readonly Row[] {
  const isWhole = ours.every((sample) => sample.isWhole);
  const data = { ours, theirs };
  const speed = figureOf(ours.map((sample) => sample.speed));
  const twice = figureOf(ours.map((sample) => sample.twice));
  const show = (samples: readonly LineSample[], of: (sample: LineSample) => number) => {
    const hung = samples.filter((sample) => !sample.isWhole).length;
    const figure = showFigure(figureOf(samples.map(of)), 3);
    return hung === 0 ? figure : `${figure}, ${hung} of ${samples.length} never finished`;
  };
  // Of what never finished only a part was sent at all.
  const twiceOf = (samples: readonly LineSample[]) => {
    const whole = samples.filter((sample) => sample.isWhole);
    if (whole.length === 0) return "none finished:";
    return `${show(whole, (sample) => sample.twice)} of ${whole.length}`;
  };
  return [
    {
      name: `${name}: share of the physical limit`,
      ours: show(ours, (sample) => sample.speed),
      theirs: `${show(theirs, (sample) => sample.speed)} tus-js-client`,
      value: speed.median,
      target: target.speed === undefined ? "finishes" : `>= ${target.speed}`,
      isMet: isWhole && speed.median >= (target.speed ?? 0),
      data,
    },
    {
      name: `${name}: sent twice`,
      ours: show(ours, (sample) => sample.twice),
      theirs: `${twiceOf(theirs)} tus-js-client`,
      value: twice.median,
      target: `<= ${target.twice}`,
      isMet: isWhole && twice.median <= target.twice,
      data,
    },
  ];
}
