// What a bucket is set to, by the SDK.
import {
  CreateBucketCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
} from "@aws-sdk/client-s3";
import { type Aws, call, callOr } from "./aws-call.ts";
import type { BucketCalls } from "./calls.ts";

export function bucketCalls({ client, bucket: Bucket }: Aws): BucketCalls {
  /** All rules that are there; setting one sends all of them. */
  async function rules(): Promise<readonly LifecycleRule[]> {
    const answer = await callOr(
      client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
      ["NoSuchLifecycleConfiguration"],
    );
    return answer?.Rules ?? [];
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
        origins: rule.AllowedOrigins ?? [],
        methods: rule.AllowedMethods ?? [],
        headers: rule.AllowedHeaders ?? [],
        exposed: rule.ExposeHeaders ?? [],
        maxAgeSeconds: rule.MaxAgeSeconds ?? 0,
      }));
    },
    async setCors(wanted) {
      const CORSRules = wanted.map(({ origins, methods, headers, exposed, maxAgeSeconds }) => ({
        AllowedOrigins: [...origins],
        AllowedMethods: [...methods],
        AllowedHeaders: [...headers],
        ExposeHeaders: [...exposed],
        MaxAgeSeconds: maxAgeSeconds,
      }));
      const input = { Bucket, CORSConfiguration: { CORSRules } };
      await call(client.send(new PutBucketCorsCommand(input)));
    },
    async stageDays(prefix) {
      const days = (await rules())
        .filter((rule) => rule.Status === "Enabled" && prefix.startsWith(prefixOf(rule)))
        .flatMap((rule) => rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? []);
      return days.length === 0 ? undefined : Math.min(...days);
    },
    async setStageDays(prefix, days) {
      const ID = `holdfast-${prefix.replace(/[^A-Za-z0-9-]/g, "-")}`;
      const rule: LifecycleRule = {
        ...{ ID, Status: "Enabled", Filter: { Prefix: prefix } },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
      };
      const others = (await rules()).filter((other) => other.ID !== ID);
      const input = { Bucket, LifecycleConfiguration: { Rules: [...others, rule] } };
      await call(client.send(new PutBucketLifecycleConfigurationCommand(input)));
    },
  };
}

function prefixOf({ Filter }: LifecycleRule): string {
  return Filter?.Prefix ?? Filter?.And?.Prefix ?? "";
}
