// The wire of Holdfast: everything two programs must agree on. Pure.
export * from "./append.ts";
export * from "./base64.ts";
export * from "./byte-range.ts";
export { decodeRanges, RANGES_MAX } from "./byte-ranges.ts";
export * from "./committed.ts";
export * from "./digest.ts";
export * from "./direct.ts";
export * from "./disposition.ts";
export { type SpokenVersion, spokenVersion } from "./drafts.ts";
export * from "./errors.ts";
export * from "./files.ts";
export * from "./grid.ts";
export * from "./hex.ts";
export * from "./idempotency.ts";
export * from "./ids.ts";
export * from "./json.ts";
export * from "./manifest.ts";
export * from "./metadata-field.ts";
export { nearestOf } from "./nearest.ts";
export * from "./part-set.ts";
export * from "./problem.ts";
export type {
  BeginHead,
  FieldValues,
  Refusal,
  ResumableCodec,
  UploadLimits,
} from "./resumable.ts";
export * from "./run.ts";
export * from "./sweep.ts";
export * from "./text.ts";
export * from "./tree.ts";
export * from "./tus.ts";
export * from "./tus-checksum.ts";
export * from "./tus-concat.ts";
export * from "./tus-metadata.ts";
export * from "./tus-status.ts";
export * from "./upload.ts";
