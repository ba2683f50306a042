// Runs one transfer for a command: shows it, stops it in order when told to, prints what it ended with.
import type { Result, Transfer } from "@holdfast/client";
import { HoldfastError } from "@holdfast/protocol";
import { onStopSignal } from "./interrupt.ts";
import { createJsonReport, jsonLines } from "./json.ts";
import type { Report } from "./report.ts";
import { createTerminal } from "./terminal.ts";
import { createTextReport } from "./text.ts";

export interface OutputOptions {
  readonly json?: true;
}

export interface TransferTask {
  readonly verb: "Uploaded" | "Downloaded";
  readonly options: OutputOptions;
  /** The line for standard output: what the next program in a script needs. */
  readonly result: (result: Result) => string;
  /** The line for a person after it. */
  readonly next: (result: Result) => string;
}

/** Resolves when the transfer is complete. @throws HoldfastError what it failed with, or `interrupted` */
export async function runTransfer(transfer: Transfer, task: TransferTask): Promise<void> {
  const report = createReport(task);
  report.follow(transfer);
  const interrupted = Promise.withResolvers<never>();
  const takeOff = onStopSignal((signal) => {
    transfer.pause();
    interrupted.reject(new HoldfastError("interrupted", undefined, { signal }));
  });
  try {
    const result = await Promise.race([transfer.done, interrupted.promise]);
    report.done(result);
    if (task.options.json) return;
    process.stdout.write(`${task.result(result)}\n`);
    if (process.stdout.isTTY) process.stderr.write(`${task.next(result)}\n`);
  } finally {
    report.stop();
    takeOff();
  }
}

function createReport({ options, verb }: TransferTask): Report {
  if (options.json) return createJsonReport(jsonLines(process.stdout), () => performance.now());
  return createTextReport(createTerminal(process.stderr, process.env), verb);
}
