// A small file that is brought again under its key, to an object store that has bad bytes of it: those that come are kept as they pass, and heal it.
import { partOffset } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { StoreFile } from "./engine.ts";
import { healPlaced, type PartSource, storedSource } from "./heal-placed.ts";
import { mending } from "./mend.ts";
import type { Body } from "./ports.ts";
import type { FileRecord, UploadRecord } from "./records.ts";
import { SLOT_SIZE } from "./slots.ts";
import { joined } from "./stored.ts";

export interface BroughtAgain {
  /** The same body, to be read instead. */
  readonly body: Body;
  /** Heals the file, once all of the body was read and found to be the file's. */
  heal(file: FileRecord): Promise<void>;
}

/** Undefined where there is nothing to be healed, or where it heals when another such file is published: what does not fit a slot is no file that goes in one request by a key. */
export async function bringAgain(
  context: Context,
  id: UploadRecord["id"],
  { body, bodySize = Number.POSITIVE_INFINITY }: StoreFile,
): Promise<BroughtAgain | undefined> {
  if (context.storage.kind === "regions" || bodySize > SLOT_SIZE) return undefined;
  const known = await context.metadata.file({ uploadId: id });
  if (!known?.notes?.damaged) return undefined;
  const kept: Uint8Array[] = [];
  return {
    body: {
      ...body,
      async fill(into) {
        const size = await body.fill(into);
        kept.push(into.slice(0, size));
        return size;
      },
    },
    async heal(file) {
      const bytes = joined(kept);
      const brought: PartSource = {
        noteBad: async () => undefined,
        async *pieces({ index, size }) {
          const start = partOffset(file, index);
          yield bytes.subarray(start, start + size);
        },
      };
      const sources = [brought, storedSource(context, file)];
      await mending(context, file, () => healPlaced(context, file, sources));
    },
  };
}
