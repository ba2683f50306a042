// A location examined: how its store is to be asked, what it can do, and what it lacks.
import { encodeHex } from "@holdfast/protocol";
import { systemClock, systemRandom } from "../../platform.ts";
import type { AwsOptions } from "./aws.ts";
import type { S3Calls } from "./calls.ts";
import { AWS_CAPABILITIES, type Capabilities } from "./capabilities.ts";
import { type Finding, limited } from "./finding.ts";
import { loadAws } from "./load-aws.ts";
import type { S3Location } from "./location.ts";
import { lookAtAccess, type Probed, probe } from "./probe.ts";
import { plainClient } from "./probe-client.ts";

export interface ExamineOptions {
  /** Else the SDK looks where it always does: environment, profiles, the instance's role. */
  readonly credentials?: NonNullable<AwsOptions["credentials"]>;
  /** Milliseconds without a byte after which a call is given up. */
  readonly idleMs?: number;
  /** Of pages that are to upload directly. */
  readonly origin?: string;
}

export interface Examined {
  readonly findings: readonly Finding[];
  readonly capabilities: Capabilities;
  /** Whether it is asked with `x-amz-checksum` fields. */
  readonly hasChecksums: boolean;
  /** They ask the store in the way that it takes. Whoever examines closes them. */
  readonly calls: S3Calls;
}

/** What holds for longer than a process. */
export type Known = Omit<Examined, "calls">;

/**
 * Whatever is wrong with the store is a finding; one that is `no` means that it cannot be used.
 *
 * @throws HoldfastError `storage_unusable` where the AWS SDK is not installed.
 */
export async function examine(
  location: S3Location,
  options: ExamineOptions = {},
): Promise<Examined> {
  const { calls, probed, hasChecksums } = await look(location, options);
  const found = probed.findings.map((finding) => insistOnDirect(location, finding));
  const findings = [
    ...lookAtTransport(location),
    ...found.filter((one) => !isAsked(location, one)),
  ];
  const isSigned = found.some(({ what, state }) => what === "signed" && state === "yes");
  const { partCountMax } = probed;
  const capabilities = {
    ...AWS_CAPABILITIES,
    ...(partCountMax === undefined ? {} : { partCountMax }),
    ...location.limits,
    checksDigests: isSigned && location.isDirect !== false,
    writesOnce: found.some(({ what, state }) => what === "once" && state === "yes"),
  };
  return { findings, capabilities, hasChecksums, calls };
}

/** An examination that stands: only whether the store answers is looked at. Undefined where it does not, which is to be examined. */
export async function examineAgain(
  location: S3Location,
  options: ExamineOptions,
  known: Known,
): Promise<Examined | undefined> {
  const { hasChecksums } = known;
  const calls = await callsTo(location, { ...options, hasChecksums });
  const { state } = await lookAtAccess({ calls, prefix: location.prefix });
  if (state === "yes") return { ...known, calls };
  calls.close();
  return undefined;
}

/** A store that does not know a field refuses it in words of its own. */
function isAboutChecksums({ what, state, setting, mayPass }: Finding): boolean {
  return what === "write" && state === "no" && setting === undefined && !mayPass;
}

/** What somebody has asked for is nothing to warn of. */
function isAsked({ isDirect, limits }: S3Location, { what, state }: Finding): boolean {
  if (state !== "limited") return false;
  return what === "signed"
    ? isDirect === false
    : what === "parts" && limits.partCountMax !== undefined;
}

const THIS_MACHINE = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/;

function lookAtTransport({ endpoint }: S3Location): readonly Finding[] {
  const url = endpoint === undefined ? undefined : new URL(endpoint);
  if (url?.protocol !== "http:" || THIS_MACHINE.test(url.hostname)) return [];
  const why = {
    says: "plain HTTP beyond this machine",
    setting: "endpoint",
    remedy: "Write endpoint=https://... where the store speaks TLS.",
  } as const;
  return [limited("tls", why, "Everybody on the way can read what is stored.")];
}

function insistOnDirect({ isDirect }: S3Location, finding: Finding): Finding {
  if (!isDirect || finding.what !== "signed" || finding.state === "yes") return finding;
  const remedy = "Leave direct=on out: then everything goes through the server.";
  return { ...finding, state: "no", setting: "direct", remedy };
}

interface Looked {
  readonly calls: S3Calls;
  readonly probed: Probed;
  readonly hasChecksums: boolean;
}

/** With checksums where nothing else is said, and without where the store refuses them. */
async function look(location: S3Location, options: ExamineOptions): Promise<Looked> {
  const first = await lookOnce(location, options, location.hasChecksums ?? true);
  const refusal = first.probed.findings.find((finding) => isAboutChecksums(finding));
  if (!refusal || location.hasChecksums === false) return first;
  if (location.hasChecksums) {
    const remedy = "Leave checksums=on out: then the store is asked as it wants to be.";
    const blamed: Finding = { ...refusal, setting: "checksums", remedy };
    const findings = first.probed.findings.map((each) => (each === refusal ? blamed : each));
    return { ...first, probed: { ...first.probed, findings } };
  }
  const second = await lookOnce(location, options, false);
  const bad = second.probed.findings.find(({ state }) => state === "no");
  // Where it is no better without them, what was said first is what is wrong, unless now somebody can do something about it.
  const isBetter = bad === undefined || bad.setting !== undefined;
  (isBetter ? first : second).calls.close();
  if (!isBetter) return first;
  const why = {
    says: "the store knows no x-amz-checksum fields; it is asked without",
    remedy: "checksums=off asks it so from the beginning.",
  };
  const finding = limited("checksums", why, "Signatures alone hold the server to what it sends.");
  const { probed } = second;
  return { ...second, probed: { ...probed, findings: [...probed.findings, finding] } };
}

const TRIES = 3;
const PAUSE_MS = 1_000;

async function lookOnce(
  location: S3Location,
  options: ExamineOptions,
  hasChecksums: boolean,
): Promise<Looked> {
  const calls = await callsTo(location, { ...options, hasChecksums });
  const { prefix, marks } = location;
  const { origin } = options;
  const name = encodeHex(systemRandom.bytes(8));
  const more = origin === undefined ? {} : { origin };
  // A store that is busy for a moment is no store that lacks something.
  for (let tries = 1; ; tries++) {
    const probed = await probe({ calls, prefix, name, marks, client: plainClient, ...more });
    const isSettled = probed.findings.every(({ mayPass }) => !mayPass);
    if (isSettled || tries === TRIES) return { calls, probed, hasChecksums };
    await new Promise<void>((resolve) => systemClock.after(PAUSE_MS, resolve));
  }
}

/** Stores that are not that of AWS have one region, under any name. */
const ANY_REGION = "us-east-1";

/** @throws HoldfastError `storage_unusable` where the AWS SDK is not installed. */
export async function callsTo(
  location: S3Location,
  options: Pick<AwsOptions, "credentials" | "idleMs" | "hasChecksums">,
): Promise<S3Calls> {
  const { createAwsCalls } = await loadAws();
  const { bucket, endpoint, hasBucketInPath } = location;
  const { credentials, idleMs, hasChecksums } = options;
  const region = location.region ?? (endpoint === undefined ? undefined : ANY_REGION);
  return createAwsCalls({
    bucket,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(hasBucketInPath === undefined ? {} : { hasBucketInPath }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(hasChecksums === undefined ? {} : { hasChecksums }),
  });
}
