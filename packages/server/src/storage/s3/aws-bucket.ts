// What a bucket is set to, by the SDK.
import { createHash } from "node:crypto";
import {
  CreateBucketCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  type GetBucketLifecycleConfigurationCommandOutput,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
} from "@aws-sdk/client-s3";
import { type Aws, call, callOr } from "./aws-call.ts";
import type { BucketCalls } from "./calls.ts";

export function bucketCalls({ client, bucket: Bucket }: Aws): BucketCalls {
  /** All rules that are there, and what holds for all of them; setting one sends everything. */
  function lifecycle(): Promise<GetBucketLifecycleConfigurationCommandOutput | undefined> {
    return callOr(client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })), [
      "NoSuchLifecycleConfiguration",
    ]);
  }

  return {
    async check() {
      await call(client.send(new HeadBucketCommand({ Bucket })));
    },
    async create() {
      await call(client.send(new CreateBucketCommand({ Bucket })));
    },
    async cors() {
      const answer = await callOr(client.send(new GetBucketCorsCommand({ Bucket })), [
        "NoSuchCORSConfiguration",
      ]);
      return answer?.CORSRules?.map((rule) => ({
        ...(rule.ID === undefined ? {} : { id: rule.ID }),
        origins: rule.AllowedOrigins ?? [],
        methods: rule.AllowedMethods ?? [],
        headers: rule.AllowedHeaders ?? [],
        exposed: rule.ExposeHeaders ?? [],
        ...(rule.MaxAgeSeconds === undefined ? {} : { maxAgeSeconds: rule.MaxAgeSeconds }),
      }));
    },
    async setCors(wanted) {
      const CORSRules = wanted.map(({ id, origins, methods, headers, exposed, ...rule }) => ({
        ...(id === undefined ? {} : { ID: id }),
        AllowedOrigins: [...origins],
        AllowedMethods: [...methods],
        AllowedHeaders: [...headers],
        ExposeHeaders: [...exposed],
        ...(rule.maxAgeSeconds === undefined ? {} : { MaxAgeSeconds: rule.maxAgeSeconds }),
      }));
      const input = { Bucket, CORSConfiguration: { CORSRules } };
      await call(client.send(new PutBucketCorsCommand(input)));
    },
    async stageDays(prefix) {
      const { Rules = [] } = (await lifecycle()) ?? {};
      const days = Rules.filter(
        (rule) => rule.Status === "Enabled" && prefix.startsWith(prefixOf(rule)),
      ).flatMap((rule) => rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? []);
      return days.length === 0 ? undefined : Math.min(...days);
    },
    async setStageDays(prefix, days) {
      const ID = ruleIdOf(prefix);
      const rule: LifecycleRule = {
        ...{ ID, Status: "Enabled", Filter: { Prefix: prefix } },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
      };
      const { Rules = [], TransitionDefaultMinimumObjectSize } = (await lifecycle()) ?? {};
      const others = Rules.filter((other) => other.ID !== ID);
      const input = {
        Bucket,
        LifecycleConfiguration: { Rules: [...others, rule] },
        // It belongs to the rules of others, and would be as if nobody had set it.
        ...(TransitionDefaultMinimumObjectSize ? { TransitionDefaultMinimumObjectSize } : {}),
      };
      await call(client.send(new PutBucketLifecycleConfigurationCommand(input)));
    },
  };
}

/** Of one prefix, and of no other: names of rules are shorter than prefixes may be. */
function ruleIdOf(prefix: string): string {
  return `holdfast-${createHash("sha256").update(prefix).digest("hex").slice(0, 16)}`;
}

/** The older form of a rule has its prefix outside of a filter. */
function prefixOf({ Filter, Prefix }: LifecycleRule): string {
  return Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "";
}
