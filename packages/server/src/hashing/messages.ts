// What the two ends of the hashing thread tell each other.
import type { Algorithm } from "@holdfast/protocol";

export type ToHasher = { readonly scan: number } & (
  | { readonly kind: "begin"; readonly parts: Algorithm | undefined; readonly hasWhole: boolean }
  /** The first `size` bytes of memory that changes hands. */
  | { readonly kind: "bytes"; readonly memory: Uint8Array<ArrayBuffer>; readonly size: number }
  | { readonly kind: "part" }
  | { readonly kind: "end" }
  | { readonly kind: "close" }
);

export type FromHasher = { readonly scan: number } & (
  | { readonly kind: "free"; readonly memory: Uint8Array<ArrayBuffer> }
  | { readonly kind: "digest"; readonly digest: Uint8Array }
);
