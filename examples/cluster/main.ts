// `npm run cluster`: starts three servers, PostgreSQL, SeaweedFS and nginx before them, says where they are, and ends them on Ctrl-C.
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "./cluster.ts";

const directory = await mkdtemp(join(tmpdir(), "holdfast-cluster-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const cluster = await startCluster(directory);
console.log(`Three servers behind ${cluster.url}: ${cluster.urls().join(", ")}`);
console.log(`  holdfast upload FILE --to ${cluster.url}`);
console.log(
  "Kill one of them, or go to one by its own address: it makes no difference. Ctrl-C ends all.",
);
let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // Whoever starts processes for tests kills them at the first signal: these are to end in peace.
  process.removeAllListeners(signal);
  process.on(signal, () => {
    if (isEnding) return;
    isEnding = true;
    void cluster.stop().then(() => process.exit(0));
  });
}
