// Runs a crash simulation by itself: `node main.ts parts|appends|files|finals|ends|store|store-appends|store-finals|many IMAGES SEED`. Prints what is wrong; exit code 1 where anything is.
import { simulateCrashes } from "./crash.ts";
import { simulateEnds } from "./crash-ends.ts";
import { simulateFinals, simulatePartFinals } from "./crash-finals.ts";
import { simulatePartCrashes } from "./crash-parts.ts";
import { simulatePartAppends } from "./crash-parts-appends.ts";
import { simulateMany } from "./many.ts";
import { type LifeKind, WORK } from "./work.ts";

const [what = "parts", images = "20", seed = "0", inRecovery = "no"] = process.argv.slice(2);
const options = {
  images: Number(images),
  seed,
  inRecovery: inRecovery === "recovery",
  isHasty: true,
};
const report = await simulate();
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = report.violations.length > 0 ? 1 : 0;

function simulate(): Promise<{ readonly violations: readonly string[] }> {
  if (what === "many") return simulateMany({ seed, isHasty: true });
  if (what === "finals") return simulateFinals(options);
  if (what === "ends") return simulateEnds(options);
  if (what === "store-appends") return simulatePartAppends(options);
  if (what === "store-finals") return simulatePartFinals(options);
  if (what === "store") return simulatePartCrashes(options);
  if (!isLife(what)) throw new Error(`there is no life of ${what}`);
  return simulateCrashes({ ...options, life: what });
}

function isLife(name: string): name is LifeKind {
  return Object.hasOwn(WORK, name);
}
