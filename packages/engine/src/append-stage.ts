// What an append works with, by the kind of the storage.
import type { Context } from "./context.ts";
import type { Append } from "./engine.ts";
import { createRegionStage, type RegionStage, type StageOptions } from "./receive-append.ts";
import { createPartStage, type PartStage } from "./receive-append-parts.ts";
import type { Upload } from "./upload.ts";

export function createStage(
  context: Context,
  upload: Upload,
  { body, digest, sha256, check }: Pick<Append, "body" | "digest" | "sha256" | "check">,
  options: Omit<StageOptions, "rule">,
): RegionStage | PartStage {
  const bodies = { body, check, sum: digest || sha256 ? context.digests.create() : undefined };
  const rule = digest || check ? "whole" : "grouped";
  const create = context.storage.kind === "parts" ? createPartStage : createRegionStage;
  return create(context, upload, bodies, { ...options, rule });
}
