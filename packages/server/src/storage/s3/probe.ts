// Looks what a store can do before anybody relies on it: with small parts and objects under our own prefix, which are gone again afterwards.
import { createHash } from "node:crypto";
import { equalBytes } from "@holdfast/protocol";
import { isRefusal, type MultipartId, type S3Calls } from "./calls.ts";
import { type Explanation, explain } from "./explain.ts";
import { isPassing } from "./failure.ts";
import { type Finding, limited, no, yes } from "./finding.ts";
import type { Marks } from "./location.ts";
import { lookAtCors, lookAtLifecycle } from "./probe-bucket.ts";
import { beginMarked } from "./probe-marks.ts";
import { lookAtObjects, lookAtRemoval } from "./probe-objects.ts";

export interface ProbeOptions {
  readonly calls: S3Calls;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** Unlike any other, so that two probes at once do not meet. */
  readonly name: string;
  /** What every object is to carry. */
  readonly marks?: Marks;
  /** Of pages that are to upload directly; without it any will do. */
  readonly origin?: string;
  readonly client: ProbeClient;
}

export interface ProbeClient {
  /** Sends a signed request as a client would; resolves with the status. */
  send(
    request: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
    body: Uint8Array,
  ): Promise<number>;
  /** Whether the store lets pages of an origin send what was signed: asks as a browser does before. */
  lets(url: string, origin: string): Promise<boolean>;
}

export interface Probed {
  readonly findings: readonly Finding[];
  /** How many parts an object may have, as far as that was found out. */
  readonly partCountMax?: number;
}

/** Whatever goes wrong is a finding: it never rejects. After one that is `no` nothing more is looked at. */
export async function probe(options: ProbeOptions): Promise<Probed> {
  const findings: Finding[] = [];
  const goesOn = (...found: readonly Finding[]) => {
    findings.push(...found);
    return found.every(({ state }) => state !== "no");
  };
  if (!goesOn(await lookAtAccess(options))) return { findings };
  const begun = await beginMarked(options);
  if (!("upload" in begun)) return { findings: [...findings, begun] };
  const { upload } = begun;
  let partCountMax: number | undefined;
  try {
    if (!goesOn(...(await lookAtParts(options, upload)))) return { findings };
    const { finding, count } = await lookAtCount(options, upload);
    partCountMax = count;
    if (!goesOn(finding)) return { findings };
    goesOn(await lookAtSigned(options, upload), await lookAtUnfinished(options, upload));
    if (!goesOn(...(await lookAtObjects(options, upload, BYTES, sha256(BYTES)))))
      return { findings };
    goesOn(await lookAtRemoval(options, upload.key));
  } finally {
    await cleanUp(options, upload);
  }
  goesOn(await lookAtCors(options), await lookAtLifecycle(options));
  return partCountMax === undefined ? { findings } : { findings, partCountMax };
}

export async function lookAtAccess({
  calls,
  prefix,
}: Pick<ProbeOptions, "calls" | "prefix">): Promise<Finding> {
  try {
    await calls.objects.list(`${prefix}probe/`);
    return yes("access", "the bucket can be listed");
  } catch (error) {
    return no("access", explain(error));
  }
}

const BYTES = new TextEncoder().encode("Holdfast looks what this store can do.");
/** As many. */
const OTHER_BYTES = BYTES.map((byte) => byte ^ 1);

async function lookAtParts({ calls }: ProbeOptions, upload: MultipartId): Promise<Finding[]> {
  const part = { ...upload, number: 1, size: BYTES.length, sha256: sha256(BYTES), body: BYTES };
  const { multipart } = calls;
  try {
    await multipart.put(part);
  } catch (error) {
    return [no("write", explain(error))];
  }
  const findings = [yes("write", "parts can be written")];
  const fooled = await outcomeOf(multipart.put({ ...part, body: OTHER_BYTES }));
  if (fooled === "taken") {
    const says = "the store takes bytes that are not those of the digest that comes with them";
    const remedy = "Use a store, or a version of it, that checks x-amz-content-sha256.";
    const means = "What a line or a memory has spoiled would be acknowledged.";
    return [...findings, no("digests", { says, remedy }, means)];
  }
  if (fooled !== "refused") return [...findings, no("digests", explain(fooled))];
  findings.push(yes("digests", "bytes that are not the digest's are refused"));
  try {
    const { items } = await multipart.parts(upload);
    const isTold = items.every((item) => item.sha256 && equalBytes(item.sha256, part.sha256));
    const says = isTold ? "listings tell the digests of parts" : "listings tell the sizes of parts";
    return [...findings, yes("listing", says)];
  } catch (error) {
    return [...findings, no("listing", explain(error))];
  }
}

/** What became of a call that the store should refuse. */
async function outcomeOf(sending: Promise<void>): Promise<"taken" | "refused" | unknown> {
  try {
    await sending;
    return "taken";
  } catch (error) {
    // That it is busy says nothing of what it would have looked at.
    return isRefusal(error) && !isPassing(error) ? "refused" : error;
  }
}

/** What stores have; the last is what the least of them has. */
const COUNTS = [10_000, 1_000];

async function lookAtCount(
  { calls }: ProbeOptions,
  upload: MultipartId,
): Promise<{ readonly finding: Finding; readonly count?: number }> {
  const part = { ...upload, size: BYTES.length, sha256: sha256(BYTES), body: BYTES };
  let refusal: unknown;
  for (const count of COUNTS) {
    try {
      await calls.multipart.put({ ...part, number: count });
      if (count === COUNTS[0]) return { finding: yes("parts", `${count} parts a file`), count };
      const why = { says: `${count} parts a file, not more`, remedy: "Nothing, if that will do." };
      return { finding: limited("parts", why, "Large files have larger parts."), count };
    } catch (error) {
      refusal = error;
      if (!isRefusal(error)) break;
    }
  }
  return { finding: no("parts", explain(refusal)) };
}

async function lookAtSigned(
  { calls, client }: ProbeOptions,
  upload: MultipartId,
): Promise<Finding> {
  const what = "signed";
  const means = "There are no direct uploads: everything goes through the server.";
  try {
    const part = { ...upload, number: 2, size: BYTES.length, sha256: sha256(BYTES) };
    const request = await calls.multipart.sign({ ...part, expiresIn: 60 });
    const wrong = await client.send(request, OTHER_BYTES);
    if (isBusy(wrong)) return limited(what, { ...answered(wrong), mayPass: true }, means);
    if (wrong < 300) {
      const says = "a signed request takes other bytes than it was signed for";
      const remedy = "Use a store, or a version of it, that checks x-amz-checksum-sha256.";
      return limited(what, { says, remedy }, means);
    }
    const status = await client.send(request, BYTES);
    if (status < 300) return yes(what, "signed requests hold clients to their bytes");
    const why = answered(status);
    return limited(what, isBusy(status) ? { ...why, mayPass: true } : why, means);
  } catch (error) {
    return limited(what, explain(error), means);
  }
}

function answered(status: number): Explanation {
  const remedy = "Use a store, or a version of it, that knows x-amz-checksum-sha256.";
  return { says: `a signed request was answered ${status}`, remedy };
}

/** 501 is what a store says that does not know a field. */
function isBusy(status: number): boolean {
  return status >= 500 && status !== 501;
}

async function lookAtUnfinished(
  { calls, prefix }: ProbeOptions,
  upload: MultipartId,
): Promise<Finding> {
  const what = "unfinished";
  const means = "What a crash leaves behind is found by nobody but a lifecycle rule.";
  try {
    const { items } = await calls.multipart.list(upload.key);
    const ours = items.find(({ uploadId }) => uploadId === upload.uploadId);
    if (!ours) return limited(what, { says: "the store does not list what was not ended" }, means);
    await endKilled(calls, `${prefix}probe/`, ours.startedAt);
    return yes(what, "what was not ended can be found");
  } catch (error) {
    return limited(what, explain(error), means);
  }
}

/** A look takes seconds; one that began so much earlier was killed, and nobody else ends it. */
const KILLED_MS = 3_600_000;

/** `now` is by the store's clock, as what it is compared with. */
async function endKilled(calls: S3Calls, prefix: string, now: number): Promise<void> {
  const { items } = await calls.multipart.list(prefix);
  for (const upload of items.filter(({ startedAt }) => startedAt < now - KILLED_MS)) {
    await calls.multipart.abort(upload).catch(() => undefined);
  }
}

async function cleanUp({ calls }: ProbeOptions, upload: MultipartId): Promise<void> {
  // What cannot be removed the store's own rule, or a person, finds under this name.
  await calls.multipart.abort(upload).catch(() => undefined);
  await calls.objects.delete(upload.key).catch(() => undefined);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
