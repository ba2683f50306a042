// Runs the command line in this process, and ends it.
import { runCli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";
import { outliveTerminal } from "./interrupt.ts";

outliveTerminal();

let isOutputLost = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Whoever reads our output may stop reading, as `head` does. There is nobody left to be told.
  if (error.code === "EPIPE") process.exit(141);
  // A full disk takes no lines, but the transfer that they tell of need not end for that.
  if (!isOutputLost) {
    process.stderr.write(`holdfast: standard output cannot be written: ${error.message}\n`);
  }
  isOutputLost = true;
});

// What goes there is words beside the work, such as a server's log, and the work goes on without.
process.stderr.on("error", () => undefined);

const exitCode = await runCli(process.argv.slice(2));
// What was written last may still be on its way, where standard output is a pipe.
await new Promise((resolve) => process.stdout.write("", resolve));
process.exit(isOutputLost && exitCode === EXIT.ok ? EXIT.fatal : exitCode);
