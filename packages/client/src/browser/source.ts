// A Blob or a File as the source of an upload: a snapshot, which the browser refuses to read once the file behind it has changed.
import { encodeHex } from "@holdfast/protocol";
import type { Loaded, Random } from "../ports.ts";
import { identityOf, type Told } from "./identity.ts";
import { type BlobSource, lost, otherNow } from "./kept-source.ts";

interface BlobPlace extends Told {
  readonly random: Random;
}

/** What has no name and no time of change can be told from another only while this page lives. */
export async function openBlobSource(
  blob: Blob,
  { random, owner, path }: BlobPlace,
): Promise<BlobSource> {
  const { name, identity, mtimeMs } = marksOf(blob, random, { owner, path });
  return {
    name,
    identity,
    fingerprint: { size: blob.size, mtimeMs, ctimeMs: mtimeMs, ino: 0 },
    async read(offset, into) {
      const { bytes, free } = await load(blob, name, offset, into.length);
      into.set(bytes);
      free();
    },
    load: (offset, size) => load(blob, name, offset, size),
    // Whoever reads it is told.
    isChanged: async () => false,
    close: async () => undefined,
  };
}

async function load(blob: Blob, name: string, offset: number, size: number): Promise<Loaded> {
  const body = blob.slice(offset, offset + size);
  const memory = await body.arrayBuffer().catch((error: unknown) => {
    throw lost(error, name);
  });
  if (memory.byteLength !== size) throw otherNow(name);
  return { bytes: new Uint8Array(memory), body, free: () => letGo(memory) };
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
