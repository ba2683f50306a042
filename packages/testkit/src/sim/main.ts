// Runs a crash simulation by itself: `node main.ts uploads|ends IMAGES SEED`. Prints what is wrong; exit code 1 where anything is.
import { simulateCrashes } from "./crash.ts";
import { simulateEnds } from "./crash-ends.ts";

const [what = "uploads", images = "20", seed = "0", inRecovery = "no"] = process.argv.slice(2);
const simulate = what === "ends" ? simulateEnds : simulateCrashes;
const report = await simulate({
  images: Number(images),
  seed,
  inRecovery: inRecovery === "recovery",
  isHasty: true,
});
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
