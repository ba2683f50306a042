// Whether parts become an object that can be read, whether whole objects can be written, and whether all of them go again.
import { equalBytes } from "@holdfast/protocol";
import { isRefusal, type MultipartId, type ObjectCalls } from "./calls.ts";
import { explain } from "./explain.ts";
import { type Finding, limited, no, yes } from "./finding.ts";
import type { ProbeOptions } from "./probe.ts";

/** `bytes` are those of part 1. */
export async function lookAtObjects(
  { calls, marks = {} }: ProbeOptions,
  upload: MultipartId,
  bytes: Uint8Array,
  sha256: Uint8Array,
): Promise<readonly Finding[]> {
  const { multipart, objects } = calls;
  try {
    const { items } = await multipart.parts(upload);
    const etag = items.find(({ number }) => number === 1)?.etag ?? "";
    await multipart.complete(upload, [{ number: 1, etag, sha256 }]);
    const stored = await read(objects, upload.key, bytes.length);
    if (!stored || !equalBytes(stored, bytes)) {
      return [no("read", { says: "the object that was made of a part is not there" })];
    }
    await objects.put(upload.key, bytes, { type: "text/plain", ...marks });
  } catch (error) {
    return [no("read", explain(error))];
  }
  const isThere = yes("read", "an object can be made of parts, written whole, and read");
  return [isThere, await lookAtOnce(objects, upload.key, bytes)];
}

/** The object is there. */
async function lookAtOnce(objects: ObjectCalls, key: string, bytes: Uint8Array): Promise<Finding> {
  const means =
    "Of two new installations that name it at one moment, each may take it for its own.";
  const remedy = "Start a new bucket's first server alone, once.";
  try {
    await objects.create(key, bytes, { type: "text/plain" });
    const says = "the store writes over what must not be there";
    return limited("once", { says, remedy }, means);
  } catch (error) {
    if (isRefusal(error, "PreconditionFailed"))
      return yes("once", "what must not be there is not written over");
    return limited("once", { ...explain(error), remedy }, means);
  }
}

async function read(
  objects: ObjectCalls,
  key: string,
  size: number,
): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  const found = await objects.get(key, 0, size);
  if (!found) return undefined;
  for await (const piece of found.pieces) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

export async function lookAtRemoval({ calls }: ProbeOptions, key: string): Promise<Finding> {
  const { multipart, objects } = calls;
  const what = "remove";
  const means = "What is removed, aborted or expired keeps its place in the store, and costs.";
  try {
    const uploadId = await multipart.create(key, { type: "text/plain" });
    await multipart.abort({ key, uploadId });
    const left = await multipart.parts({ key, uploadId }).catch((error: unknown) => error);
    await objects.delete(key);
    if (isRefusal(left, "NoSuchUpload") && (await objects.head(key)) === undefined) {
      return yes(what, "objects and parts can be removed");
    }
    return limited(what, { says: "what was removed is still there" }, means);
  } catch (error) {
    return limited(what, explain(error), means);
  }
}
