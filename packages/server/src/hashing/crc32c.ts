// CRC32C (RFC 3720, appendix B.4): native code where its package has some for this machine, else tables.

type Crc32c = (bytes: Uint8Array, before: number) => number;

/** Undefined where there is no native code for this machine: the package is optional. */
export async function loadNativeCrc32c(): Promise<Crc32c | undefined> {
  const native = await import("@node-rs/crc32").catch(() => undefined);
  return native && ((bytes, before) => native.crc32c(bytes, before));
}

const POLYNOMIAL = 0x82f63b78;
/** Bytes taken in one step. */
const STRIDE = 8;

/** Table k tells what a byte does that has k more bytes behind it in its step. */
function makeTables(): readonly Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    first[byte] = crc;
  }
  const tables = [first];
  for (let at = 1; at < STRIDE; at++) {
    const before = tables[at - 1] ?? first;
    tables.push(before.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] ?? 0)));
  }
  return tables;
}

export function createTableCrc32c(): Crc32c {
  const tables = makeTables();
  const [first = new Uint32Array(256)] = tables;
  return (bytes, before) => {
    let crc = ~before >>> 0;
    let at = 0;
    for (; at + STRIDE <= bytes.length; at += STRIDE) {
      let next = 0;
      for (let byte = 0; byte < STRIDE; byte++) {
        const mixed = byte < 4 ? (crc >>> (8 * byte)) & 0xff : 0;
        next ^= tables[STRIDE - 1 - byte]?.[(bytes[at + byte] ?? 0) ^ mixed] ?? 0;
      }
      crc = next >>> 0;
    }
    for (; at < bytes.length; at++) {
      crc = ((crc >>> 8) ^ (first[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)) >>> 0;
    }
    return ~crc >>> 0;
  };
}

/** Goes on from `before`, the value over the bytes so far; 0 over none. */
export const crc32c: Crc32c = (await loadNativeCrc32c()) ?? createTableCrc32c();
