// What the calling thread and the writer thread say to each other.
import { type ErrorCode, type ErrorDetails, HoldfastError } from "@holdfast/protocol";
import type { PackedChange } from "../records/packed.ts";

export type ToWriter =
  | { readonly kind: "apply"; readonly changes: readonly PackedChange[] }
  | { readonly kind: "close" };

/** An error on its way between threads, where a class would not survive. */
export interface PackedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  /** For the log. */
  readonly cause: string | undefined;
}

/** One outcome for each change, in the order they were sent; undefined where it happened. */
export type Outcome = PackedError | undefined;

export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly error: PackedError }
  /** With `fatal` nothing may be written any more: in one message, so that nobody hears of the failure and not of that. */
  | {
      readonly kind: "settled";
      readonly outcomes: readonly Outcome[];
      readonly fatal?: PackedError | undefined;
    };

export function packError({ code, message, details, cause }: HoldfastError): PackedError {
  return { code, message, details, cause: cause instanceof Error ? cause.message : undefined };
}

export function unpackError({ code, message, details, cause }: PackedError): HoldfastError {
  return new HoldfastError(code, message, details, cause && new Error(cause));
}
