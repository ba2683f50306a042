// `npm run demo`: uploads a big file while server and client are killed, goes on each time, and compares what comes back.
// `npm run demo -- 1G --storage s3 --metadata postgres` does the same with the bytes in a SeaweedFS and the records in a PostgreSQL, which it starts.
import { rmSync } from "node:fs";
import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Pair } from "../e2e/kit/pairs.ts";
import { parseSize } from "../packages/cli/src/sizes.ts";
import { runJourney } from "./demo/journey.ts";
import { tell } from "./demo/tell.ts";

/** The file itself, the server's copy, the download, and some room for the records. */
const COPIES = 3.1;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** `disk` or `s3`. */
    storage: { type: "string", default: "disk" },
    /** `sqlite` or `postgres`. */
    metadata: { type: "string", default: "sqlite" },
  },
});
const size = parseSize(positionals[0] ?? "1G");
const pair: Pair = {
  storage: oneOf("storage", values.storage, ["disk", "s3"]),
  metadata: oneOf("metadata", values.metadata, ["sqlite", "postgres"]),
};

function oneOf<Name extends string>(what: string, value: string, names: readonly Name[]): Name {
  const name = names.find((one) => one === value);
  if (name === undefined) throw new Error(`--${what} is ${names.join(" or ")}`);
  return name;
}

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
  process.exitCode = (await runJourney({ directory, size, pair }, told)) ? 0 : 1;
}
