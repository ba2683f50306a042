// A Blob or a File as the source of an upload: a snapshot, which the browser refuses to read once the file behind it has changed.
import { encodeHex, HoldfastError } from "@holdfast/protocol";
import type { Random, Source } from "../ports.ts";
import type { Origins } from "./origins.ts";

/** What has no name and no time of change can be told from another only while this page lives. */
export async function openBlobSource(
  blob: Blob,
  { random, origins }: { readonly random: Random; readonly origins: Pick<Origins, "note"> },
): Promise<Source> {
  const { name, identity, mtimeMs } = marksOf(blob, random);
  return {
    name,
    identity,
    fingerprint: { size: blob.size, mtimeMs, ctimeMs: mtimeMs, ino: 0 },
    async read(offset, into) {
      const piece = blob.slice(offset, offset + into.length);
      const bytes = new Uint8Array(await piece.arrayBuffer().catch(unreadable));
      if (bytes.length !== into.length) throw new HoldfastError("source_changed");
      into.set(bytes);
      origins.note(into, blob, offset);
    },
    // Whoever reads it is told.
    isChanged: async () => false,
    close: async () => undefined,
  };
}

interface Marks {
  readonly name: string;
  readonly identity: string;
  readonly mtimeMs: number;
}

/** Two files with the same name are two uploads, unless size and time of change are the same too. */
function marksOf(blob: Blob, random: Random): Marks {
  if (!(blob instanceof File)) {
    return { name: "blob", identity: `blob:${encodeHex(random.bytes(16))}`, mtimeMs: 0 };
  }
  const { name, webkitRelativePath, lastModified: mtimeMs, size } = blob;
  const path = webkitRelativePath || name;
  return { name, identity: JSON.stringify(["file", path, size, mtimeMs]), mtimeMs };
}

/** The file is gone, was changed since it was chosen, or may not be read any more: browsers do not say which. */
function unreadable(error: unknown): never {
  const cause = error instanceof Error ? error.name : "unknown";
  const why = "the browser cannot read the file any more: it was changed, moved or removed";
  throw new HoldfastError("source_unreadable", why, { cause }, error);
}
