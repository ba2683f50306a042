// Bytes on the disk of the data directory.
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/protocol";
import { requireOnDisk } from "./bucket-mark.ts";
import type { Bytes } from "./bytes.ts";
import { keepFreeOf } from "./config.ts";
import { createDiskStorage, makeDirectory } from "./storage/disk/index.ts";
import { listStored, type StoredNames, setAsideUnrecorded } from "./unrecorded.ts";

const BYTES_DIRECTORY = "uploads";
const UNRECORDED_DIRECTORY = "unrecorded";
const NONE: StoredNames = new Map();

/** @throws HoldfastError `data_dir_unusable` where its bytes are in a bucket; whatever the file system says. */
export async function openDiskBytes(owned: string): Promise<Bytes> {
  requireOnDisk(owned);
  const directory = join(owned, BYTES_DIRECTORY);
  await makeDirectory(directory);
  const storage = await createDiskStorage({ directory });
  let stored = await listStored(directory);
  const hasBytes = stored.size > 0;
  const { blocks, bsize } = await statfs(directory);
  const to = join(owned, UNRECORDED_DIRECTORY);
  return {
    storage,
    send: storage.send,
    io: storage.caching === "direct" ? "direct" : "buffered",
    async requireUnknown() {
      if (hasBytes) throw otherRecords(owned);
    },
    keepFree: keepFreeOf(blocks * bsize),
    setAside(metadata, log) {
      let isStopped = false;
      const aside = { metadata, log, from: directory, to, isStopped: () => isStopped };
      const done = setAsideUnrecorded(stored, aside).catch((cause: unknown) => {
        log("error", "storage.unrecorded.failed", { cause });
      });
      // A million names are some hundred megabytes: nobody needs them once they have been looked at.
      stored = NONE;
      return async () => {
        isStopped = true;
        await done;
      };
    },
    // What fails there says so by itself: its room is asked for.
    look: async () => undefined,
    close: storage.close,
  };
}

function otherRecords(path: string): HoldfastError {
  const reason = "there are bytes in it, and the records that --metadata names are new";
  const hint =
    "Name the database, and the schema, that has its records; or begin with an empty directory.";
  return new HoldfastError("data_dir_unusable", `${path}: ${reason}`, { path, reason, hint });
}
