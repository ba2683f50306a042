// A storage on S3 by its location: examined first, and refused at start where it could not keep what it promises.
import type { Clock, Home, PartStorage, Random } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { createS3Storage, stageOf } from "./create.ts";
import { type ExamineOptions, examine, examineAgain, type Known } from "./examine.ts";
import type { Finding } from "./finding.ts";
import { createHomeList, type HomeList } from "./home-list.ts";
import { locationText, parseS3Location, type S3Location } from "./location.ts";
import { type BucketMark, createMark } from "./mark.ts";

export interface OpenS3Options extends Pick<ExamineOptions, "credentials" | "idleMs" | "origin"> {
  /** As `parseS3Location` reads it. */
  readonly location: string;
  /** Its name, where it is one of several. */
  readonly home?: Home;
  /** What an examination of the same location has found before: it is not examined again as long as it answers. */
  readonly known?: Known | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface OpenedS3 {
  readonly storage: PartStorage;
  /** Whose records know what lies there. */
  readonly mark: BucketMark;
  /** The storages that have names, beside this one. */
  readonly homes: HomeList;
  /** Where that is, in words. */
  readonly where: string;
  /** What is not as it should be, and does not stand in the way. */
  readonly warnings: readonly Finding[];
  /** What an examination has just found; undefined where none was made, or the store was too busy to show what it can do. */
  readonly found: Known | undefined;
  /** Lets go of every connection. */
  close(): void;
}

/**
 * Leaves nothing in the bucket. May be repeated.
 *
 * @throws HoldfastError `usage` where the location is not understood; `storage_unusable` where the store cannot be used as it is: `details.setting` names what is to
 * blame, `details.hint` says what to do.
 */
export async function openS3Storage(options: OpenS3Options): Promise<OpenedS3> {
  const { clock, random, known } = options;
  const named = options.home === undefined ? {} : { home: options.home };
  const location = parseS3Location(options.location);
  const { prefix, marks } = location;
  const again = known && (await examineAgain(location, options, known));
  const { calls, ...found } = again ?? (await examine(location, options));
  const { findings, capabilities } = found;
  const bad = findings.find(({ state }) => state === "no");
  if (bad) {
    calls.close();
    throw unusable(location, bad);
  }
  const parts = { calls, clock, random, prefix, capabilities, marks, ...named };
  const stage = stageOf(parts);
  return {
    storage: createS3Storage(parts),
    mark: createMark(stage),
    homes: createHomeList(stage),
    where: locationText(location),
    warnings: findings.filter(({ state }) => state === "limited"),
    found: again || findings.some(({ mayPass }) => mayPass) ? undefined : found,
    close: () => calls.close(),
  };
}

const LOOK = "`holdfast doctor --storage` with this address examines it.";

function unusable(location: S3Location, { says, setting, remedy = LOOK }: Finding): HoldfastError {
  const where = setting === undefined ? "" : ` (${setting})`;
  const message = `${locationText(location)} cannot be used${where}: ${says}`;
  const details = setting === undefined ? { hint: remedy } : { setting, hint: remedy };
  return new HoldfastError("storage_unusable", message, details);
}
