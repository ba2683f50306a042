// `npm run fuzz -- --count 100000`: malformed requests from a seed. Ends with 1 if the server crashed, hung, or answered one of them with a 5xx.
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz/run.ts";
import { withScratch } from "./kit/scratch.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: `${Date.now() % 2 ** 31}` },
    count: { type: "string", default: "10000" },
    from: { type: "string", default: "0" },
  },
});
const { seed } = values;
const count = Number(values.count);
console.log(`${count} malformed requests, seed ${seed}`);
const startedAt = performance.now();
const report = await withScratch((directory) =>
  fuzz(directory, {
    seed,
    count,
    from: Number(values.from),
    onProgress: (done) => process.stderr.isTTY && process.stderr.write(`\r${done}`),
  }),
);
const seconds = (performance.now() - startedAt) / 1000;
const answers = [...report.statuses].sort().map(([status, times]) => `${status}: ${times}`);
console.log(`answers: ${answers.join(", ")}`);
console.log(
  `${seconds.toFixed(0)} s; the server's memory at the end ${(report.memory / 2 ** 20).toFixed(0)} MiB`,
);
for (const line of [...report.complaints, ...report.errors.slice(0, 20)]) console.log(line);
if (report.complaints.length > 0 || report.errors.length > 0) {
  console.log(`again: npm run fuzz -- --seed ${seed} --from CASE --count 1`);
  process.exitCode = 1;
} else {
  console.log("no crash, no 5xx, no error in the log; the main job works");
}
