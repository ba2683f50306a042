// Tells of one transfer: to a person on standard error, or to a program as JSON lines on standard output.
import type { Result, Transfer } from "@holdfast/client";

export interface Report {
  /** Listens to the transfer until it is done. */
  follow(transfer: Transfer): void;
  done(result: Result): void;
  /** Something for a person only, such as how to go on. */
  say(line: string): void;
  stop(): void;
}
