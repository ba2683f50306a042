// Looks what a store can do before anybody relies on it: with two small parts under our own prefix, which are gone again afterwards.
import { createHash } from "node:crypto";
import { equalBytes } from "@holdfast/protocol";
import { isRefusal, type MultipartId, type S3Calls, S3Error } from "./calls.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly what:
    | "access"
    | "write"
    | "digests"
    | "signed"
    | "listing"
    | "read"
    | "cors"
    | "lifecycle";
  /** `no`: uploads would not work. `limited`: they work, without something. */
  readonly state: "yes" | "limited" | "no";
  readonly says: string;
  /** What to set, where something is missing. */
  readonly remedy?: string;
}

export interface ProbeOptions {
  readonly calls: S3Calls;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** Unlike any other, so that two probes at once do not meet. */
  readonly name: string;
  /** Sends a signed request as a client would; resolves with the status. */
  readonly send: (
    request: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
    body: Uint8Array,
  ) => Promise<number>;
}

/** Whatever goes wrong is a finding: it never rejects. After one that is `no` nothing more is looked at. */
export async function probe(options: ProbeOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const add = (...found: readonly Finding[]) => {
    findings.push(...found);
    return found.every(({ state }) => state !== "no");
  };
  if (!add(await lookAtAccess(options))) return findings;
  const upload = await begin(options);
  if ("state" in upload) return [...findings, upload];
  try {
    const goesOn =
      add(...(await lookAtParts(options, upload))) && add(await lookAtSigned(options, upload));
    if (goesOn) add(await lookAtObject(options, upload));
  } finally {
    await cleanUp(options, upload);
  }
  add(await lookAtCors(options), await lookAtLifecycle(options));
  return findings;
}

async function lookAtAccess({ calls, prefix }: ProbeOptions): Promise<Finding> {
  try {
    await calls.objects.list(`${prefix}probe/`);
    return { what: "access", state: "yes", says: "the bucket can be listed" };
  } catch (error) {
    return { what: "access", state: "no", ...explain(error) };
  }
}

async function begin({ calls, prefix, name }: ProbeOptions): Promise<MultipartId | Finding> {
  const key = `${prefix}probe/${name}`;
  try {
    return { key, uploadId: await calls.multipart.create(key, { type: "text/plain" }) };
  } catch (error) {
    return { what: "write", state: "no", ...explain(error) };
  }
}

const BYTES = new TextEncoder().encode("Holdfast looks what this store can do.");
const OTHER_BYTES = new TextEncoder().encode("Holdfast looks what this store can't do");

async function lookAtParts({ calls }: ProbeOptions, upload: MultipartId): Promise<Finding[]> {
  const part = { ...upload, number: 1, size: BYTES.length, sha256: sha256(BYTES), body: BYTES };
  const { multipart } = calls;
  try {
    await multipart.put(part);
  } catch (error) {
    return [{ what: "write", state: "no", ...explain(error) }];
  }
  const written: Finding = { what: "write", state: "yes", says: "parts can be written" };
  const isFooled = await multipart.put({ ...part, body: OTHER_BYTES.subarray(0, part.size) }).then(
    () => true,
    () => false,
  );
  if (isFooled) {
    const says = "the store takes bytes that are not those of the digest that comes with them";
    const remedy = "use a store, or a version of it, that checks x-amz-content-sha256";
    return [written, { what: "digests", state: "no", says, remedy }];
  }
  const { items } = await multipart.parts(upload);
  const isTold = items.every((item) => item.sha256 && equalBytes(item.sha256, part.sha256));
  const says = isTold ? "listings tell the digests of parts" : "listings tell sizes, not digests";
  return [
    written,
    { what: "digests", state: "yes", says: "bytes that are not the digest's are refused" },
    { what: "listing", state: isTold ? "yes" : "limited", says },
  ];
}

async function lookAtSigned({ calls, send }: ProbeOptions, upload: MultipartId): Promise<Finding> {
  const what = "signed";
  const direct = "uploads go through the server until then";
  try {
    const part = { ...upload, number: 2, size: BYTES.length, sha256: sha256(BYTES) };
    const request = await calls.multipart.sign({ ...part, expiresIn: 60 });
    const wrong = await send(request, OTHER_BYTES.subarray(0, part.size));
    if (wrong < 300) {
      const says = "a signed request takes other bytes than it was signed for";
      return { what, state: "limited", says, remedy: `no direct uploads: ${direct}` };
    }
    const right = await send(request, BYTES);
    if (right < 300)
      return { what, state: "yes", says: "signed requests hold clients to their bytes" };
    return {
      what,
      state: "limited",
      says: `a signed request was answered ${right}`,
      remedy: direct,
    };
  } catch (error) {
    return { what, state: "limited", ...explain(error) };
  }
}

async function lookAtObject({ calls }: ProbeOptions, upload: MultipartId): Promise<Finding> {
  try {
    const { items } = await calls.multipart.parts(upload);
    const etag = items.find(({ number }) => number === 1)?.etag ?? "";
    await calls.multipart.complete(upload, [{ number: 1, etag, sha256: sha256(BYTES) }]);
    const facts = await calls.objects.head(upload.key);
    if (facts?.size === BYTES.length) {
      return { what: "read", state: "yes", says: "an object can be made of parts and read" };
    }
    return { what: "read", state: "no", says: "the object that was made is not there" };
  } catch (error) {
    return { what: "read", state: "no", ...explain(error) };
  }
}

async function cleanUp({ calls }: ProbeOptions, upload: MultipartId): Promise<void> {
  // What cannot be removed the store's own rule, or a person, finds under this name.
  await calls.multipart.abort(upload).catch(() => undefined);
  await calls.objects.delete(upload.key).catch(() => undefined);
}

/** Fields that a browser sends with a part. */
const SENT = ["x-amz-checksum-sha256", "content-type"];

async function lookAtCors({ calls }: ProbeOptions): Promise<Finding> {
  const what = "cors";
  const remedy = "`holdfast storage init` sets the rule that pages need to upload directly";
  try {
    const rules = (await calls.bucket.cors()) ?? [];
    const covers = (names: readonly string[], name: string) =>
      names.some((each) => each === "*" || each.toLowerCase() === name);
    const isSet = rules.some(
      ({ methods, headers }) =>
        methods.includes("PUT") && SENT.every((name) => covers(headers, name)),
    );
    if (isSet) return { what, state: "yes", says: "pages may send parts" };
    return { what, state: "limited", says: "pages may not send parts directly", remedy };
  } catch (error) {
    return { what, state: "limited", says: explain(error).says, remedy };
  }
}

async function lookAtLifecycle({ calls, prefix }: ProbeOptions): Promise<Finding> {
  const what = "lifecycle";
  const remedy = "`holdfast storage init` sets the rule that ends what nobody has ended";
  try {
    const days = await calls.bucket.stageDays(prefix);
    if (days === undefined) {
      return { what, state: "limited", says: "no rule ends multipart uploads", remedy };
    }
    return { what, state: "yes", says: `multipart uploads end after ${days} days` };
  } catch (error) {
    return { what, state: "limited", says: explain(error).says, remedy };
  }
}

/** What a refusal means, and the setting that is to blame. */
function explain(error: unknown): Pick<Finding, "says" | "remedy"> {
  const says = error instanceof Error ? error.message : String(error);
  if (error instanceof S3Error && error.fault.kind === "unanswered") {
    return { says, remedy: "check `endpoint`: nothing answered there" };
  }
  for (const [codes, remedy] of REMEDIES) if (isRefusal(error, ...codes)) return { says, remedy };
  return { says };
}

const REMEDIES: readonly (readonly [codes: readonly string[], remedy: string])[] = [
  [["NoSuchBucket", "NotFound"], "check the bucket's name, or make it: `holdfast storage init`"],
  [["InvalidAccessKeyId", "InvalidToken"], "check AWS_ACCESS_KEY_ID: the store does not know it"],
  [["SignatureDoesNotMatch"], "check AWS_SECRET_ACCESS_KEY"],
  [["ExpiredToken", "TokenRefreshRequired"], "the credentials have expired: renew them"],
  [["CredentialsProviderError"], "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"],
  [["RequestTimeTooSkewed"], "set this machine's clock: it differs by more than the store allows"],
  [
    ["PermanentRedirect", "AuthorizationHeaderMalformed"],
    "check `region`: the bucket is elsewhere",
  ],
  [
    ["AccessDenied", "Forbidden"],
    "give these credentials the rights that docs/storage-s3.md lists",
  ],
];

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
