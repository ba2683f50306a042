// Tells of the transfers of one command: to a person on standard error, or to a program as JSON lines on standard output.
import type { Result, Transfer } from "@holdfast/client";
import type { HoldfastError } from "@holdfast/protocol";

/** One file of a command. */
export interface Task {
  /** What it is called here. */
  readonly label: string;
  /** In bytes, where it is known before. */
  readonly size: number | undefined;
}

export type Outcome =
  | { readonly kind: "complete"; readonly result: Result; readonly isSkipped: boolean }
  | { readonly kind: "failed"; readonly error: HoldfastError };

/** What all of a command's transfers came to. */
export interface Summary {
  readonly files: number;
  readonly complete: number;
  /** Complete before. */
  readonly skipped: number;
  readonly failed: readonly { readonly label: string; readonly error: HoldfastError }[];
  /** Not begun, because what one met would have met every other. */
  readonly untried: number;
  /** Bytes of the complete files, without the skipped ones. */
  readonly bytes: number;
  readonly skippedBytes: number;
  /** Of `bytes`: had arrived before, by a command that was interrupted. */
  readonly resumedBytes: number;
  /** Body bytes that crossed the network. */
  readonly bytesSent: number;
  readonly seconds: number;
}

export interface Report {
  /** Listens to a transfer until its end is told. */
  begin(task: Task, transfer: Transfer): void;
  /** A task that never became a transfer ends without having begun. */
  end(task: Task, outcome: Outcome): void;
  /** Something for a person only, such as how to go on. */
  say(line: string): void;
  /** Lets something else write where this may draw. */
  aside(write: () => void): void;
  /** All have ended, as far as they were begun. */
  finish(summary: Summary): void;
  stop(): void;
}
