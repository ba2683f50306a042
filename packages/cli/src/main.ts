// The program: what the launcher, or Node itself, runs.
import { runCli } from "./cli.ts";

// Whoever reads our output may stop reading, as `head` does. There is nobody left to be told.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(141);
  throw error;
});

// What goes there is words beside the work, such as a server's log, and the work goes on without.
process.stderr.on("error", () => undefined);

const exitCode = await runCli(process.argv.slice(2));
// What was written last may still be on its way, where standard output is a pipe.
await new Promise((resolve) => process.stdout.write("", resolve));
process.exit(exitCode);
