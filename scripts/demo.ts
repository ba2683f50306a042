// `npm run demo`: uploads a big file while server and client are killed, goes on each time, and compares what comes back.
import { rmSync } from "node:fs";
import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSize } from "../packages/cli/src/sizes.ts";
import { runJourney } from "./demo/journey.ts";
import { tell } from "./demo/tell.ts";

/** The file itself, the server's copy, the download, and some room for the records. */
const COPIES = 3.1;

const size = parseSize(process.argv[2] ?? "1G");
const directory = await mkdtemp(join(tmpdir(), "holdfast-demo-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(130));

const { bavail, bsize } = await statfs(directory);
const told = tell();
if (bavail * bsize < size * COPIES) {
  told.fail(
    `${directory} has too little room: the demo needs ${COPIES} times the file's size. TMPDIR names another place.`,
  );
  process.exitCode = 1;
} else {
  process.exitCode = (await runJourney(directory, size, told)) ? 0 : 1;
}
