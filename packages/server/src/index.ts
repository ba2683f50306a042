// The Holdfast server: serve files to and from a data directory.
export type { ServeOptions } from "./config.ts";
export { createLog, type LogLevel, type LogOptions } from "./platform.ts";
export { type RunningServer, serve } from "./serve.ts";
