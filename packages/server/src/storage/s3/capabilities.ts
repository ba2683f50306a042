// What a store can do. Filled by a probe, and overridable: stores differ, and some of them say one thing and do another.
import { type GridLimits, MIB } from "@holdfast/protocol";

export interface Capabilities {
  /** A digest that comes with a part is held against its bytes, by header and in a signed request. */
  readonly checksDigests: boolean;
  /** Of two that write an object which must not be there yet, one is refused. */
  readonly writesOnce: boolean;
  /** All but the last must have at least this size, in bytes. */
  readonly partSizeMin: number;
  readonly partSizeMax: number;
  readonly partCountMax: number;
  readonly objectSizeMax: number;
}

const GIB = 1024 * MIB;

/** Of a store that does all that AWS does. */
export const AWS_CAPABILITIES: Capabilities = {
  checksDigests: true,
  writesOnce: true,
  partSizeMin: 8 * MIB,
  partSizeMax: 5 * GIB,
  partCountMax: 10_000,
  objectSizeMax: 10_000 * 5 * GIB,
};

export function limitsOf(capabilities: Capabilities): GridLimits {
  const { partSizeMin, partSizeMax, partCountMax, objectSizeMax } = capabilities;
  return { partSizeMin, partSizeMax, partCountMax, sizeMax: objectSizeMax };
}
