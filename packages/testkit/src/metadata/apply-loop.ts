// A process that commits parts and prints the index of each one that was acknowledged, until it is killed: PATH UPLOAD_ID FIRST_INDEX.
import { writeSync } from "node:fs";
import { isUploadId, partCount } from "@holdfast/protocol";
import { openSqliteMetadata } from "@holdfast/server/metadata/sqlite";
import { sampleCommit, sampleUpload } from "./samples.ts";

/** Commits under way at once. */
const AT_ONCE = 8;

const [path = "", id = "", first = "0"] = process.argv.slice(2);
if (!isUploadId(id)) throw new Error(`${id} is no upload's id`);
const store = await openSqliteMetadata({ path });
const upload = sampleUpload(100_000, { id });
await store.apply({ kind: "create", upload });
let next = Number(first);

async function work(): Promise<void> {
  while (next < partCount(upload)) {
    const index = next++;
    await store.apply(sampleCommit(upload, index));
    writeSync(1, `${index}\n`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
