// A process that commits parts and prints the index of each one that was acknowledged, until it is killed: PATH UPLOAD_ID FIRST_INDEX [placed].
// Whoever reads may be slow: what the pipe does not take at once is written later, and lost with the process.
// With `placed` each part is bound first, and its index printed with a `b` before it once that was acknowledged.
import { isUploadId, partCount } from "@holdfast/protocol";
import { openSqliteMetadata } from "@holdfast/server/metadata/sqlite";
import { sampleCommit, samplePart, samplePlace, sampleUpload } from "./samples.ts";

/** Commits under way at once. */
const AT_ONCE = 8;

const [path = "", id = "", first = "0", way] = process.argv.slice(2);
if (!isUploadId(id)) throw new Error(`${id} is no upload's id`);
const store = await openSqliteMetadata({ path });
const upload = sampleUpload(100_000, { id });
const place = way === "placed" ? samplePlace(0) : undefined;
await store.apply({ kind: "create", upload });
if (place !== undefined) await store.apply({ kind: "place", id: upload.id, place });
let next = Number(first);

async function work(): Promise<void> {
  while (next < partCount(upload)) {
    const index = next++;
    if (place !== undefined) {
      await store.apply({
        kind: "bind",
        id: upload.id,
        place,
        size: upload.size,
        parts: [samplePart(index)],
      });
      process.stdout.write(`b${index}\n`);
    }
    await store.apply({
      ...sampleCommit(upload, index),
      ...(place === undefined ? {} : { place }),
    });
    process.stdout.write(`${index}\n`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
