// `npm run faults -- appends|files FROM COUNT [say|first]`: random work on a disk that fails. Prints what is wrong with which seed, with `say` all that happens; `first` stops at the first wrong one; ends with 1 where anything is wrong.
import { faultyAppends } from "./faults-appends.ts";
import { faultyFiles } from "./faults-files.ts";

const KINDS = new Map([
  ["appends", faultyAppends],
  ["files", faultyFiles],
]);

const [what = "appends", from = "0", count = "300", say] = process.argv.slice(2);
const play = KINDS.get(what);
if (!play) throw new Error(`there are no faults of ${what}`);
const print = (line: string): boolean => process.stdout.write(`${line}\n`);
let wrongSeeds = 0;
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const wrong = await play(seed, say === "say" ? print : undefined);
  for (const text of wrong) print(`seed ${seed}: ${text}`);
  if (wrong.length > 0) wrongSeeds++;
  if (wrong.length > 0 && say === "first") break;
}
print(`${count} seeds, ${wrongSeeds} of them wrong`);
process.exitCode = wrongSeeds > 0 ? 1 : 0;
