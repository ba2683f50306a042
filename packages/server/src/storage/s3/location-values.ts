// What the parameters of an S3 location may be.
import { HoldfastError, MIB, nearestOf, PART_SIZE_STEP } from "@holdfast/protocol";

export function parseEndpoint(value: string): string {
  const url = URL.parse(value);
  if (url && (url.username !== "" || url.password !== "")) throw secret();
  const isPlain = url && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (isPlain) return url.href.replace(/\/$/, "");
  throw wrong("endpoint", "endpoint is no http or https address", "Write endpoint=https://HOST");
}

export function parseRegion(value: string): string {
  if (/^[a-z0-9-]{1,40}$/i.test(value)) return value;
  throw wrong("region", "region is no name of one", "It is a word such as eu-central-1 or auto.");
}

export function parseSwitch(name: string, value: string): boolean {
  if (value === "on" || value === "off") return value === "on";
  throw wrong(name, `${name} is on or off`, `Write ${name}=on or ${name}=off.`);
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["K", 1024],
  ["M", MIB],
  ["G", 1024 * MIB],
  ["T", MIB * MIB],
]);

/** No store takes smaller parts. */
const SIZE_MIN = 5 * MIB;

export function parseSize(name: string, value: string): number {
  const [, digits, unit = ""] = /^(\d{1,15})([KMGT]?)$/.exec(value) ?? [];
  const size = Number(digits) * (UNITS.get(unit) ?? Number.NaN);
  const isWhole = Number.isSafeInteger(size) && size % PART_SIZE_STEP === 0;
  if (isWhole && size >= SIZE_MIN) return size;
  const hint = `Write it like ${name}=64M or ${name}=5T: a multiple of 256K.`;
  throw wrong(name, `${name} is a size of 5M or more`, hint);
}

const PART_COUNT_MAX = 10_000;

export function parseCount(value: string): number {
  const count = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (count >= 1 && count <= PART_COUNT_MAX) return count;
  throw wrong(
    "parts-max",
    "parts-max is a number from 1 to 10000",
    "Write it like parts-max=1000.",
  );
}

const ENCRYPTIONS = ["AES256", "aws:kms", "aws:kms:dsse"];

export function parseEncryption(value: string): string {
  if (ENCRYPTIONS.includes(value)) return value;
  const near = nearestOf(value, ENCRYPTIONS);
  const hint =
    near === undefined ? `There are ${ENCRYPTIONS.join(", ")}.` : `Did you mean ${near}?`;
  throw wrong("sse", `sse=${value} is no encryption`, hint);
}

/** Nothing can be read there before somebody brings it back. */
const UNREADABLE = ["GLACIER", "DEEP_ARCHIVE"];

export function parseClass(value: string): string {
  if (UNREADABLE.includes(value)) {
    const hint = "Take GLACIER_IR, or move files there by a rule when nobody reads them any more.";
    throw wrong("storage-class", `files in ${value} could not be read`, hint);
  }
  if (/^[A-Z0-9_]{1,40}$/.test(value)) return value;
  throw wrong(
    "storage-class",
    "storage-class is no name of one",
    "It is a word such as STANDARD_IA.",
  );
}

const TAGS_MAX = 10;

/** `a=b,c=d` as the store wants it: `a=b&c=d`. */
export function parseTags(value: string): string {
  const pairs = value.split(",").map((pair) => /^([^=]{1,128})=([^=]{0,256})$/.exec(pair));
  const encoded = pairs.map((pair) => {
    if (pair) return `${encodeURIComponent(pair[1] ?? "")}=${encodeURIComponent(pair[2] ?? "")}`;
    throw wrong("tags", "tags are not NAME=VALUE", "Write them like tags=team=web,stage=live.");
  });
  if (encoded.length <= TAGS_MAX) return encoded.join("&");
  throw wrong("tags", "there are more than ten tags", "Stores take ten at most.");
}

export function secret(): HoldfastError {
  const hint =
    "Whoever sees a command line, a log or a process list would have them: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.";
  return wrong("credentials", "credentials do not belong into an address", hint);
}

export function wrong(setting: string, message: string, hint: string): HoldfastError {
  return new HoldfastError("usage", message, { setting, hint });
}
