// Runs the crash simulation by itself: `node main.ts IMAGES SEED`. Prints what is wrong; exit code 1 where anything is.
import { simulateCrashes } from "./crash.ts";

const [images = "20", seed = "0", inRecovery = "no"] = process.argv.slice(2);
const report = await simulateCrashes({
  images: Number(images),
  seed,
  inRecovery: inRecovery === "recovery",
  isHasty: true,
});
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
