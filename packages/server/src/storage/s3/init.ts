// Makes a bucket fit for Holdfast: the bucket itself, the rule that ends multipart uploads, the rule that lets pages send parts. What is there already stays.
import type { S3Calls } from "./calls.ts";
import { isRefusal } from "./calls.ts";
import { isOurs, lets, ruleFor } from "./cors-rules.ts";
import { callsTo, type ExamineOptions } from "./examine.ts";
import { type Explanation, explain } from "./explain.ts";
import type { S3Location } from "./location.ts";

export interface InitOptions extends Pick<ExamineOptions, "credentials" | "idleMs"> {
  /** Else a bucket that is missing is told of. */
  readonly makesBucket: boolean;
  /** Of pages that are to send parts; none leaves the bucket's CORS rules as they are. */
  readonly origins: readonly string[];
  /** Days after which a multipart upload that was not completed ends. */
  readonly stageDays: number;
  /** Only tells what would be done. */
  readonly isDryRun: boolean;
}

/** One thing that was to be so. */
export interface Step extends Explanation {
  readonly what: "bucket" | "lifecycle" | "cors";
  /** `kept`: it was so already. `planned`: it would be done. */
  readonly state: "kept" | "done" | "planned" | "failed";
}

/**
 * May be repeated: what is as it should be is left alone. A step that fails ends nothing but what needs it.
 *
 * @throws HoldfastError `storage_unusable` where the AWS SDK is not installed.
 */
export async function initS3(location: S3Location, options: InitOptions): Promise<readonly Step[]> {
  const calls = await callsTo(location, options);
  try {
    const bucket = await step("bucket", () => makeBucket(calls, location, options));
    if (bucket.state === "failed") return [bucket];
    // What is not there yet has no rules.
    const isThere = bucket.state !== "planned";
    const lifecycle = await step("lifecycle", () =>
      setLifecycle(calls, location, options, isThere),
    );
    if (options.origins.length === 0) return [bucket, lifecycle];
    return [bucket, lifecycle, await step("cors", () => setCors(calls, options, isThere))];
  } finally {
    calls.close();
  }
}

type Done = Omit<Step, "what">;

async function step(what: Step["what"], work: () => Promise<Done>): Promise<Step> {
  try {
    return { what, ...(await work()) };
  } catch (error) {
    return { what, state: "failed", ...explain(error) };
  }
}

async function makeBucket(
  calls: S3Calls,
  { bucket, prefix }: S3Location,
  { makesBucket, isDryRun }: InitOptions,
): Promise<Done> {
  try {
    await calls.objects.list(`${prefix}probe/`);
    return { state: "kept", says: `${bucket} is there` };
  } catch (error) {
    if (!isRefusal(error, "NoSuchBucket") || !makesBucket) throw error;
  }
  if (!isDryRun) await calls.bucket.create();
  return { state: isDryRun ? "planned" : "done", says: `${bucket} is there` };
}

async function setLifecycle(
  { bucket }: S3Calls,
  { prefix }: S3Location,
  { stageDays: days, isDryRun }: InitOptions,
  isThere: boolean,
): Promise<Done> {
  const now = isThere ? await bucket.stageDays(prefix) : undefined;
  const below = prefix === "" ? "" : ` below ${prefix}`;
  const ends = (after: number) => `multipart uploads${below} end after ${daysText(after)}`;
  // Another rule may be the stricter one: it stays as it is.
  if (now !== undefined && now <= days) return { state: "kept", says: ends(now) };
  if (!isDryRun) await bucket.setStageDays(prefix, days);
  return { state: isDryRun ? "planned" : "done", says: ends(days) };
}

function daysText(days: number): string {
  return days === 1 ? "a day" : `${days} days`;
}

async function setCors(
  { bucket }: S3Calls,
  { origins, isDryRun }: InitOptions,
  isThere: boolean,
): Promise<Done> {
  const rules = (isThere ? await bucket.cors() : undefined) ?? [];
  const ours = rules.filter(isOurs).flatMap((rule) => rule.origins);
  const gone = ours.filter((origin) => !origins.includes(origin));
  const says = `pages of ${origins.join(", ")} may send parts`;
  if (gone.length === 0 && origins.every((origin) => lets(rules, origin))) {
    return { state: "kept", says };
  }
  const others = rules.filter((rule) => !isOurs(rule));
  if (!isDryRun) await bucket.setCors([...others, ruleFor(origins)]);
  const less = gone.length === 0 ? "" : `, those of ${gone.join(", ")} no longer`;
  return { state: isDryRun ? "planned" : "done", says: `${says}${less}` };
}
