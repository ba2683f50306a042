// For tests: a small file with its manifest, and a transport that answers ranges of it as a server does.
import { computeRoot, decodeContentRange, type Manifest } from "@holdfast/protocol";
import type { Digester, Transport } from "../../ports.ts";
import { systemDigester } from "../platform.ts";

const { sha256 } = systemDigester;

export const testDigester: Digester = systemDigester;

export function manifestOf(content: Uint8Array, partSize: number): Manifest {
  const parts = Array.from({ length: Math.ceil(content.length / partSize) }, (_, index) =>
    sha256(content.subarray(index * partSize, (index + 1) * partSize)),
  );
  const grid = { size: content.length, partSize };
  const leaves = { ...grid, algorithm: "sha-256" as const, digests: Buffer.concat(parts) };
  return {
    ...leaves,
    root: computeRoot(sha256, leaves),
    name: "x",
    type: "text/plain",
    metadata: new Map(),
    provenance: { createdAt: 0, completedAt: 0, protocol: "parts" },
  };
}

/** The ranges that are asked for, half-open, in the order of their requests. */
export function serveBytes(content: Uint8Array): {
  readonly transport: Transport;
  readonly ranges: readonly (readonly [start: number, end: number])[];
} {
  const ranges: [number, number][] = [];
  const transport: Transport = {
    mayRepeat: false,
    async request({ headers }) {
      const asked = headers["range"]?.replace("bytes=", "bytes ");
      const range = decodeContentRange(`${asked}/${content.length}`);
      const [start, end] = range ? [range.start, range.end] : [0, content.length];
      ranges.push([start, end]);
      const told = new Map([
        ["holdfast-version", "1"],
        ["content-range", `bytes ${start}-${end - 1}/${content.length}`],
      ]);
      return {
        status: 206,
        header: (name) => told.get(name),
        read: async (take) => void (await take(content.subarray(start, end))),
      };
    },
    close: () => undefined,
  };
  return { transport, ranges };
}
