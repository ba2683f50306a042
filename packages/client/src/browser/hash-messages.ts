// What the engine and a worker that digests tell each other.
import type { Algorithm } from "@holdfast/protocol";
import type { SentError } from "./messages.ts";

/** The pieces of a part come in order, one job at a time; each is answered before the next one is sent. */
export interface ToHasher {
  readonly algorithm: Algorithm;
  readonly piece: Uint8Array<ArrayBuffer>;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** The piece comes back, to be filled again. */
export interface FromHasher {
  readonly piece: Uint8Array<ArrayBuffer>;
  /** After the last piece. */
  readonly digest: Uint8Array<ArrayBuffer> | undefined;
  /** No digest comes of this part. */
  readonly error?: SentError;
}
