// What an upload is: one verb, one file, over the ports.
export * from "./engine.ts";
export * from "./ports.ts";
export * from "./records.ts";
export * from "./slots.ts";
