// A Blob or a File as the source of an upload: a snapshot, which the browser refuses to read once the file behind it has changed.
import { encodeHex, MIB } from "@holdfast/protocol";
import type { Random, Source } from "../ports.ts";
import { identityOf, type Told } from "./identity.ts";
import { lost, otherNow } from "./kept-source.ts";
import type { Origins } from "./origins.ts";

/** Browsers read into memory of their own: so much of it at once, in bytes. Less would cost more questions than bytes. */
const PIECE: number = 4 * MIB;

interface BlobPlace extends Told {
  readonly random: Random;
  readonly origins: Pick<Origins, "note">;
}

/** What has no name and no time of change can be told from another only while this page lives. */
export async function openBlobSource(
  blob: Blob,
  { random, origins, owner, path }: BlobPlace,
): Promise<Source> {
  const { name, identity, mtimeMs } = marksOf(blob, random, { owner, path });
  return {
    name,
    identity,
    fingerprint: { size: blob.size, mtimeMs, ctimeMs: mtimeMs, ino: 0 },
    async read(offset, into) {
      for (let at = 0; at < into.length; at += PIECE)
        await readPiece(blob, name, offset + at, into.subarray(at, at + PIECE));
      origins.note(into, blob, offset);
    },
    // Whoever reads it is told.
    isChanged: async () => false,
    close: async () => undefined,
  };
}

async function readPiece(
  blob: Blob,
  name: string,
  offset: number,
  into: Uint8Array,
): Promise<void> {
  const piece = blob.slice(offset, offset + into.length);
  const read = await piece.arrayBuffer().catch((error: unknown) => {
    throw lost(error, name);
  });
  if (read.byteLength !== into.length) throw otherNow(name);
  into.set(new Uint8Array(read));
  letGo(read);
}

const { port1: nobody, port2: closed } = new MessageChannel();
closed.close();

/** Given away to nobody, memory is free at once: what waits for a collection is several times what is read, and reading into it anew takes twice as long. */
function letGo(memory: ArrayBuffer): void {
  nobody.postMessage(undefined, [memory]);
}

interface Marks {
  readonly name: string;
  readonly identity: string;
  readonly mtimeMs: number;
}

function marksOf(blob: Blob, random: Random, told: Told): Marks {
  if (!(blob instanceof File)) {
    return { name: "blob", identity: `blob:${encodeHex(random.bytes(16))}`, mtimeMs: 0 };
  }
  const { name, lastModified: mtimeMs } = blob;
  return { name, identity: identityOf(blob, told), mtimeMs };
}
