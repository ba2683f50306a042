// One call to the simulated disk: what it is, what may become of it.
import type { DiskState } from "./disk-state.ts";

export interface Operation {
  /** Counts from 1. */
  readonly number: number;
  readonly kind:
    | "open"
    | "pread"
    | "pwrite"
    | "fdatasync"
    | "truncate"
    | "size"
    | "close"
    | "fsyncDir"
    | "unlink"
    | "rename"
    | "mkdir"
    | "list"
    | "statfs";
  readonly path: string;
  readonly offset?: number;
  readonly size?: number;
  /** How a file is opened. */
  readonly caching?: "cached" | "direct";
}

/** What becomes of an operation. */
export type Fate =
  | { readonly kind: "done" }
  /** It does not happen; a failed fdatasync or fsyncDir loses what it was to make durable. */
  | { readonly kind: "failed"; readonly errno: string }
  /** A pread or pwrite of fewer bytes. */
  | { readonly kind: "short"; readonly size: number }
  /** The world stops before it is asked for, while it is under way, or when it has happened and nobody was told. */
  | { readonly kind: "stopped"; readonly when: "before" | "during" | "after" };

/** What an operation does to a disk, at once. */
export type Effect<T> = (disk: DiskState) => T;

/** What an operation does where its fate is not to be done as asked. */
export interface Variants<T> {
  readonly failed?: Effect<unknown>;
  readonly short?: (size: number) => Effect<T>;
}

/** Asks for an operation: it happens when the schedule lets it, if the world has not stopped before. */
export type Perform = <T>(
  what: Omit<Operation, "number">,
  effect: Effect<T>,
  variants?: Variants<T>,
) => Promise<T>;

export function errnoError(errno: string, { kind, path }: { kind: string; path: string }): Error {
  return Object.assign(new Error(`${errno}: ${kind} '${path}'`), { code: errno });
}
