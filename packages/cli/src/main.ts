// The program: what the launcher, or Node itself, runs. What can be on its way meanwhile is begun before all of it is loaded.
import { callServer } from "./call-server.ts";

await callServer(process.argv.slice(2));
await import("./run.ts");
