// Where an S3 storage is and how it is to be used, as people write it: s3://BUCKET/PREFIX?NAME=VALUE&...
import { type HoldfastError, nearestOf } from "@holdfast/protocol";
import type { ObjectHeaders } from "./calls.ts";
import { AWS_CAPABILITIES, type Capabilities } from "./capabilities.ts";
import {
  parseClass,
  parseCount,
  parseEncryption,
  parseEndpoint,
  parseRegion,
  parseSize,
  parseSwitch,
  parseTags,
  secret,
  wrong,
} from "./location-values.ts";

/** What every object of ours carries besides its bytes. */
export type Marks = Omit<ObjectHeaders, "type" | "metadata">;

export interface S3Location {
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** Where the store is, unless it is that of AWS. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly hasBucketInPath?: boolean;
  readonly marks: Marks;
  /** `x-amz-checksum` fields: true needs them, false leaves them out, and without a word the store is asked. */
  readonly hasChecksums?: boolean;
  /** Signed requests: true needs them, false leaves them out, and without a word the store is asked. */
  readonly isDirect?: boolean;
  /** What stands above the findings of a probe. */
  readonly limits: Partial<Omit<Capabilities, "checksDigests" | "writesOnce">>;
}

const SHAPE = "s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION";
const PREFIX_SIZE_MAX = 512;

/**
 * Reads a location strictly: what is not understood is refused by name.
 *
 * @throws HoldfastError `usage`, with the parameter in `details.setting` and what to write in `details.hint`. Nothing that could be a secret is repeated.
 */
export function parseS3Location(text: string): S3Location {
  const url = URL.parse(text);
  if (url?.protocol !== "s3:" || url.host === "") {
    throw wrong("storage", "this is no address of a bucket", `Write it like ${SHAPE}`);
  }
  if (url.username !== "" || url.password !== "") throw secret();
  if (url.port !== "") {
    const hint = "The store's own address is a parameter: ?endpoint=https://HOST:PORT";
    throw wrong("endpoint", "the address of a bucket has no port", hint);
  }
  if (url.hash !== "")
    throw wrong("storage", "nothing may follow a #", `Write %23 for it: ${SHAPE}`);
  const values = valuesOf(url.searchParams);
  const read: Read = (name) => values.get(name);
  return {
    bucket: parseBucket(url.host),
    prefix: parsePrefix(url.pathname),
    ...optional("endpoint", read("endpoint"), parseEndpoint),
    ...optional("region", read("region"), parseRegion),
    ...optional("hasBucketInPath", read("path-style"), (value) => parseSwitch("path-style", value)),
    ...optional("hasChecksums", read("checksums"), (value) => parseSwitch("checksums", value)),
    ...optional("isDirect", read("direct"), (value) => parseSwitch("direct", value)),
    marks: parseMarks(read),
    limits: parseLimits(read),
  };
}

/** For people: without parameters, but with the store's address where it is not that of AWS. */
export function locationText({ bucket, prefix, endpoint }: S3Location): string {
  const place = `s3://${bucket}/${prefix}`.replace(/\/$/, "");
  return endpoint === undefined ? place : `${place} at ${endpoint}`;
}

const PARAMETERS = [
  "endpoint",
  "region",
  "path-style",
  "storage-class",
  "sse",
  "kms-key",
  "tags",
  "checksums",
  "direct",
  "part-size-min",
  "part-size-max",
  "parts-max",
  "size-max",
] as const;

type Parameter = (typeof PARAMETERS)[number];

/** Names under which people would write a secret. */
const SECRET = /access|secret|token|password|passwd|credential|session|signature/i;

function valuesOf(parameters: URLSearchParams): ReadonlyMap<Parameter, string> {
  const values = new Map<Parameter, string>();
  for (const [name, value] of parameters) {
    const known = PARAMETERS.find((each) => each === name);
    if (known === undefined) throw SECRET.test(name) ? secret() : unknown(name);
    if (value === "") throw wrong(known, `${known} has no value`, "Leave it out, or give it one.");
    if (values.has(known)) throw wrong(known, `${known} stands there twice`, "Give it once.");
    values.set(known, value);
  }
  return values;
}

function unknown(name: string): HoldfastError {
  const near = nearestOf(name, PARAMETERS);
  const hint = near === undefined ? `There are ${PARAMETERS.join(", ")}.` : `Did you mean ${near}?`;
  return wrong(name, `a storage has no parameter ${name}`, hint);
}

function parseBucket(name: string): string {
  if (/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(name)) return name;
  const hint = "Buckets have 3 to 63 letters, digits, dots and hyphens.";
  throw wrong("bucket", `no bucket can be called ${name}`, hint);
}

function parsePrefix(path: string): string {
  const names = path.replace(/^\//, "").replace(/\/$/, "");
  if (names === "") return "";
  const prefix = `${decode(names)}/`;
  // Nobody sees in a listing what such a key looks like, and some stores change it.
  const isOdd = /\p{Cc}|\\/u.test(prefix) || prefix.split("/").slice(0, -1).includes("");
  if (isOdd || Buffer.byteLength(prefix) > PREFIX_SIZE_MAX) {
    const hint = `Names with slashes between them, ${PREFIX_SIZE_MAX} bytes at most.`;
    throw wrong("prefix", "this prefix cannot stand in keys", hint);
  }
  return prefix;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong("prefix", "the prefix is not well encoded", "Write %25 for a per cent sign.");
  }
}

type Read = (name: Parameter) => string | undefined;

function parseLimits(read: Read): S3Location["limits"] {
  const size = (name: Parameter) => (value: string) => parseSize(name, value);
  const limits = {
    ...optional("partSizeMin", read("part-size-min"), size("part-size-min")),
    ...optional("partSizeMax", read("part-size-max"), size("part-size-max")),
    ...optional("partCountMax", read("parts-max"), parseCount),
    ...optional("objectSizeMax", read("size-max"), size("size-max")),
  };
  const { partSizeMin, partSizeMax } = { ...AWS_CAPABILITIES, ...limits };
  if (partSizeMin <= partSizeMax) return limits;
  const hint = "Without part-size-min it is 8M, without part-size-max 5G.";
  throw wrong("part-size-max", "part-size-max is below the least size of a part", hint);
}

function parseMarks(read: Read): Marks {
  const keyId = read("kms-key");
  const sse = read("sse");
  if (keyId !== undefined && !sse?.startsWith("aws:kms")) {
    const hint = "Write sse=aws:kms beside it.";
    throw wrong("kms-key", "kms-key is of use with sse=aws:kms only", hint);
  }
  return {
    ...optional("storageClass", read("storage-class"), parseClass),
    ...optional("tags", read("tags"), parseTags),
    ...optional("encryption", sse, (value) => ({
      algorithm: parseEncryption(value),
      ...optional("keyId", keyId, (id) => id),
    })),
  };
}

/** A member that is there only where its text is. */
function optional<Name extends string, T>(
  name: Name,
  text: string | undefined,
  parse: (text: string) => T,
): Partial<Record<Name, T>> {
  return text === undefined ? {} : ({ [name]: parse(text) } as Record<Name, T>);
}
