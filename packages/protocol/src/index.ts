// The wire of Holdfast: everything two programs must agree on. Pure.
export * from "./base64.ts";
export * from "./byte-range.ts";
export * from "./committed.ts";
export * from "./digest.ts";
export * from "./errors.ts";
export * from "./grid.ts";
export * from "./hex.ts";
export * from "./ids.ts";
export * from "./json.ts";
export * from "./manifest.ts";
export * from "./part-set.ts";
export * from "./problem.ts";
export * from "./run.ts";
export * from "./text.ts";
export * from "./tree.ts";
export * from "./upload.ts";
