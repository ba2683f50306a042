// What a store does for each request: one function an operation, over a bucket in memory.
import { type Answer, document, empty, refusal } from "./answers.ts";
import {
  type Bucket,
  beginMultipart,
  bytesOf,
  type Content,
  compositeOf,
  contentOf,
  joinParts,
  type Multipart,
  type Part,
  type StoredObject,
} from "./bucket.ts";
import type { Operation } from "./faults.ts";
import type { Profile } from "./profiles.ts";
import { insideAll, textIn } from "./xml.ts";

export interface Request {
  readonly bucket: Bucket;
  readonly profile: Profile;
  readonly keepsBytes: boolean;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly now: number;
}

export const OPERATIONS: Readonly<
  Record<Exclude<Operation, "preflight">, (request: Request) => Answer>
> = {
  create,
  part: putPart,
  "copy-part": copyPart,
  complete,
  abort,
  "list-parts": listParts,
  "list-uploads": listUploads,
  "list-objects": listObjects,
  put,
  get,
  head,
  delete: remove,
  "delete-many": removeMany,
  cors: (request) => setting(request, "cors", "NoSuchCORSConfiguration"),
  lifecycle: (request) => setting(request, "lifecycle", "NoSuchLifecycleConfiguration"),
  bucket: () => empty(),
};

function create({ bucket, key, headers, now, profile }: Request): Answer {
  const unknown = headers.has("x-amz-checksum-algorithm") && profile.checksums === "refused";
  if (unknown) return notImplemented();
  const odd = checkMarks(profile, headers);
  if (odd) return odd;
  const multipart = beginMultipart(bucket, { key, headers, startedAt: now });
  return document("InitiateMultipartUploadResult", { Key: key, UploadId: multipart.id });
}

function putPart(request: Request): Answer {
  const { query, body, now, keepsBytes, profile, headers } = request;
  const multipart = multipartOf(request);
  if (!multipart) return refusal("NoSuchUpload");
  const number = Number(query.get("partNumber"));
  if (!(number >= 1 && number <= profile.partsMax)) return refusal("InvalidArgument", "partNumber");
  const content = contentOf(body, keepsBytes);
  const wrong = checkChecksum(request, content);
  if (wrong) return wrong;
  const hasChecksum = profile.checksums === "checked" && headers.has("x-amz-checksum-sha256");
  const isPromised = multipart.headers.get("x-amz-checksum-algorithm") === "SHA256";
  if (isPromised && !hasChecksum && profile.checksums === "checked") {
    return refusal(
      "InvalidRequest",
      "Checksum Type mismatch occurred, expected checksum Type: sha256, actual: null",
    );
  }
  multipart.parts.set(number, { ...content, modifiedAt: now, hasChecksum });
  return empty(200, { etag: `"${content.md5}"`, ...checksumHeader(content, hasChecksum) });
}

function copyPart(request: Request): Answer {
  const { headers, bucket, query, now, profile } = request;
  if (!profile.canCopyPart) return notImplemented();
  const multipart = multipartOf(request);
  if (!multipart) return refusal("NoSuchUpload");
  const [, ...names] = decodeURIComponent(headers.get("x-amz-copy-source") ?? "")
    .replace(/^\//, "")
    .split("/");
  const source = bucket.objects.get(names.join("/"));
  if (!source) return refusal("NoSuchKey");
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.get("x-amz-copy-source-range") ?? "");
  const [start, end] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, source.size];
  if (end > source.size) return refusal("InvalidRange");
  const content = contentOf(bytesOf(source, start, end), request.keepsBytes);
  const hasChecksum = profile.checksums === "checked" && profile.digestsCopies;
  multipart.parts.set(Number(query.get("partNumber")), {
    ...content,
    modifiedAt: now,
    hasChecksum,
  });
  return document("CopyPartResult", {
    ETag: `"${content.md5}"`,
    ...(hasChecksum ? { ChecksumSHA256: content.sha256.toString("base64") } : {}),
  });
}

function complete(request: Request): Answer {
  const { bucket, key, query, headers, body, profile, now } = request;
  const multipart = multipartOf(request);
  const there = bucket.objects.get(key);
  if (!multipart) {
    const isReplay = there?.uploadId === query.get("uploadId");
    return there && isReplay && profile.canReplayComplete
      ? completed(there)
      : refusal("NoSuchUpload");
  }
  if (headers.get("if-none-match") === "*" && profile.canCompleteConditionally && there) {
    return refusal("PreconditionFailed");
  }
  const named = insideAll(body.toString(), "Part");
  const numbers = named.map((part) => Number(textIn(part, "PartNumber")));
  if (named.length === 0) return refusal("InvalidRequest", "no parts");
  if (numbers.some((number, at) => at > 0 && number <= (numbers[at - 1] ?? 0))) {
    return refusal("InvalidPartOrder");
  }
  const isPromised =
    profile.checksums === "checked" &&
    multipart.headers.get("x-amz-checksum-algorithm") === "SHA256";
  const parts: Part[] = [];
  for (const [at, part] of named.entries()) {
    const found = multipart.parts.get(numbers[at] ?? 0);
    const etag = textIn(part, "ETag")?.replaceAll('"', "");
    if (!found || etag !== found.md5) return refusal("InvalidPart");
    if (isPromised && !found.hasChecksum) return refusal("InvalidPart");
    const checksum = textIn(part, "ChecksumSHA256");
    if (checksum !== undefined && checksum !== found.sha256.toString("base64"))
      return refusal("InvalidPart");
    if (found.hasChecksum && checksum === undefined)
      return refusal("InvalidRequest", "checksums missing");
    parts.push(found);
  }
  const sizes = parts.slice(0, -1).map(({ size }) => size);
  if (sizes.some((size) => size < profile.partSizeMin)) return refusal("EntityTooSmall");
  if (profile.hasEqualParts && new Set(sizes).size > 1) {
    return refusal("InvalidPart", "All non-trailing parts must have the same length.");
  }
  const size = headers.get("x-amz-mp-object-size");
  if (size !== undefined && Number(size) !== parts.reduce((sum, part) => sum + part.size, 0)) {
    return refusal("InvalidRequest", "size");
  }
  const expected = headers.get("x-amz-checksum-sha256")?.replace(/-\d+$/, "");
  if (expected !== undefined && expected !== compositeOf(parts)) return refusal("BadDigest");
  return completed(joinParts(bucket, multipart, parts, now));
}

function completed({ key, etag, checksum }: StoredObject): Answer {
  return document("CompleteMultipartUploadResult", {
    Key: key,
    ETag: `"${etag}"`,
    ChecksumSHA256: checksum,
  });
}

function abort(request: Request): Answer {
  const multipart = multipartOf(request);
  if (!multipart) return refusal("NoSuchUpload");
  request.bucket.multiparts.delete(multipart.id);
  return empty(204);
}

/** Documents list a thousand at most, whatever is asked for. */
const PAGE_MAX = 1000;

function listParts(request: Request): Answer {
  const { query } = request;
  const multipart = multipartOf(request);
  if (!multipart) return refusal("NoSuchUpload");
  const after = Number(query.get("part-number-marker") ?? 0);
  const all = [...multipart.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
  const page = all.slice(0, pageOf(query.get("max-parts")));
  return document("ListPartsResult", {
    Key: multipart.key,
    UploadId: multipart.id,
    IsTruncated: page.length < all.length,
    NextPartNumberMarker: page.at(-1)?.[0],
    Part: page.map(([number, part]) => ({
      PartNumber: number,
      ETag: `"${part.md5}"`,
      Size: part.size,
      LastModified: new Date(part.modifiedAt).toISOString(),
      ...(part.hasChecksum ? { ChecksumSHA256: part.sha256.toString("base64") } : {}),
    })),
  });
}

function listUploads({ bucket, query }: Request): Answer {
  const prefix = query.get("prefix") ?? "";
  const after = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""].join("\0");
  const placeOf = ({ key, id }: Multipart) => [key, id].join("\0");
  const all = [...bucket.multiparts.values()]
    .filter((each) => each.key.startsWith(prefix) && placeOf(each) > after)
    .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const page = all.slice(0, pageOf(query.get("max-uploads")));
  const last = page.at(-1);
  return document("ListMultipartUploadsResult", {
    IsTruncated: page.length < all.length,
    NextKeyMarker: last?.key,
    NextUploadIdMarker: last?.id,
    Upload: page.map(({ key, id, startedAt }) => ({
      Key: key,
      UploadId: id,
      Initiated: new Date(startedAt).toISOString(),
    })),
  });
}

function listObjects({ bucket, query }: Request): Answer {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const all = [...bucket.objects.values()]
    .filter(({ key }) => key.startsWith(prefix) && key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = all.slice(0, pageOf(query.get("max-keys")));
  const isTruncated = page.length < all.length;
  return document("ListBucketResult", {
    KeyCount: page.length,
    IsTruncated: isTruncated,
    NextContinuationToken: isTruncated ? page.at(-1)?.key : undefined,
    Contents: page.map(({ key, size, etag, modifiedAt }) => ({
      Key: key,
      Size: size,
      ETag: `"${etag}"`,
      LastModified: new Date(modifiedAt).toISOString(),
    })),
  });
}

function pageOf(asked: string | null): number {
  return Math.min(PAGE_MAX, Number(asked ?? PAGE_MAX));
}

function put(request: Request): Answer {
  const { bucket, key, headers, body, now, profile } = request;
  const mustBeNew = headers.get("if-none-match") === "*" && profile.canPutConditionally;
  if (mustBeNew && bucket.objects.has(key)) return refusal("PreconditionFailed");
  // Small objects are kept in any case: manifests and the like are read again.
  const content = contentOf(body, request.keepsBytes || body.length < 1024 * 1024);
  const wrong = checkChecksum(request, content) ?? checkMarks(profile, headers);
  if (wrong) return wrong;
  const hasChecksum = profile.checksums === "checked" && headers.has("x-amz-checksum-sha256");
  bucket.objects.set(key, {
    ...{ key, size: content.size, etag: content.md5, headers, parts: [content], modifiedAt: now },
    ...(hasChecksum ? { checksum: content.sha256.toString("base64") } : {}),
  });
  return empty(200, { etag: `"${content.md5}"`, ...checksumHeader(content, hasChecksum) });
}

function get(request: Request): Answer {
  const object = request.bucket.objects.get(request.key);
  if (!object) return refusal("NoSuchKey");
  const { size, etag } = object;
  const wanted = request.headers.get("if-match");
  if (wanted !== undefined && wanted !== `"${etag}"`) return refusal("PreconditionFailed");
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const start = Number(range?.[1] ?? 0);
  const end = range?.[2] ? Math.min(size, Number(range[2]) + 1) : size;
  if (range && start >= size) return refusal("InvalidRange");
  const headers = { ...headersOf(object), ...said(request) };
  const body = bytesOf(object, start, end);
  if (!range) return { status: 200, headers, body };
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${size}` },
    body,
  };
}

/** What whoever signed the address wants to be answered. */
function said({ query }: Request): Record<string, string> {
  const names = ["content-type", "content-disposition", "cache-control"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(`response-${name}`);
      return value === null ? [] : [[name, value]];
    }),
  );
}

function head({ bucket, key, headers, profile }: Request): Answer {
  const object = bucket.objects.get(key);
  if (!object) return empty(404);
  const isAsked = headers.get("x-amz-checksum-mode") === "ENABLED";
  const isTold = isAsked && profile.checksums === "checked" && object.checksum !== undefined;
  return empty(200, {
    ...headersOf(object),
    "content-length": String(object.size),
    ...(isTold ? { "x-amz-checksum-sha256": object.checksum ?? "" } : {}),
  });
}

function headersOf({ headers, etag, modifiedAt }: StoredObject): Record<string, string> {
  const kept = [...headers].filter(
    ([name]) => name.startsWith("x-amz-meta-") || KEPT_HEADERS.has(name),
  );
  return {
    ...Object.fromEntries(kept),
    etag: `"${etag}"`,
    "last-modified": new Date(modifiedAt).toUTCString(),
  };
}

const KEPT_HEADERS: ReadonlySet<string> = new Set([
  "content-type",
  "content-disposition",
  "x-amz-storage-class",
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
]);

function remove({ bucket, key }: Request): Answer {
  bucket.objects.delete(key);
  return empty(204);
}

/** A thousand at once; without a digest of some kind it is refused, and by some stores with one that they do not know. */
function removeMany({ bucket, body, headers, profile }: Request): Answer {
  const hasDigest = [...headers.keys()].some((name) => /^(content-md5|x-amz-checksum-)/.test(name));
  if (profile.checksums === "refused") return notImplemented();
  const keys = insideAll(body.toString(), "Object").map((one) => textIn(one, "Key") ?? "");
  if (!hasDigest || keys.length === 0 || keys.length > 1000) return refusal("InvalidRequest");
  for (const key of keys) bucket.objects.delete(key);
  return document("DeleteResult", {});
}

/** Stands beside the rules, and is as if nobody had set it where it is not sent with them. */
const LIFECYCLE_MINIMUM = "x-amz-transition-default-minimum-object-size";

function setting(
  { bucket, body, headers }: Request,
  name: string,
  absent: "NoSuchCORSConfiguration" | "NoSuchLifecycleConfiguration",
): Answer {
  if (body.length > 0) {
    bucket.settings.set(name, body.toString());
    if (name === "lifecycle")
      bucket.settings.set(
        LIFECYCLE_MINIMUM,
        headers.get(LIFECYCLE_MINIMUM) ?? "all_storage_classes_128K",
      );
    return empty();
  }
  const text = bucket.settings.get(name);
  if (text === undefined) return refusal(absent);
  const minimum = bucket.settings.get(LIFECYCLE_MINIMUM);
  const beside = minimum === undefined ? {} : { [LIFECYCLE_MINIMUM]: minimum };
  return {
    ...empty(200, { "content-type": "application/xml", ...beside }),
    body: Buffer.from(text),
  };
}

function multipartOf({ bucket, key, query }: Request): Multipart | undefined {
  const multipart = bucket.multiparts.get(query.get("uploadId") ?? "");
  return multipart?.key === key ? multipart : undefined;
}

/** Classes and encryptions that the store does not have. */
function checkMarks(
  { storageClasses, encryptions }: Profile,
  headers: ReadonlyMap<string, string>,
): Answer | undefined {
  const storageClass = headers.get("x-amz-storage-class") ?? "STANDARD";
  if (!storageClasses.includes(storageClass)) return refusal("InvalidStorageClass");
  const encryption = headers.get("x-amz-server-side-encryption");
  if (encryption !== undefined && !encryptions.includes(encryption)) return notImplemented();
  const keyId = headers.get("x-amz-server-side-encryption-aws-kms-key-id");
  return keyId === "missing" ? refusal("KMS.NotFoundException") : undefined;
}

/** What the request says of its body must be so. A store without checksums refuses to be told any. */
function checkChecksum(
  { headers, profile }: Request,
  { sha256, md5 }: Content,
): Answer | undefined {
  const expected = headers.get("x-amz-checksum-sha256");
  if (expected !== undefined && profile.checksums === "refused") return notImplemented();
  const isChecked = expected !== undefined && profile.checksums === "checked";
  if (isChecked && expected !== sha256.toString("base64")) return refusal("BadDigest");
  const md5Expected = headers.get("content-md5");
  if (md5Expected === undefined || Buffer.from(md5Expected, "base64").toString("hex") === md5)
    return undefined;
  return refusal("BadDigest");
}

function checksumHeader({ sha256 }: Content, hasChecksum: boolean): Record<string, string> {
  return hasChecksum ? { "x-amz-checksum-sha256": sha256.toString("base64") } : {};
}

function notImplemented(): Answer {
  return refusal(
    "NotImplemented",
    "A header you provided implies functionality that is not implemented",
  );
}
