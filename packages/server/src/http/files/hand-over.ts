// A download that nginx in front sends by itself, from the same disk: the answer names the file under a prefix that nginx keeps to itself (`X-Accel-Redirect`).
import type { FileRecord } from "@holdfast/engine";
import type { ByteRange } from "@holdfast/protocol";
import type { Front } from "../front.ts";
import type { Headers } from "../reply.ts";
import type { Request } from "../request.ts";

/** What nginx would judge by a tag and a time of its own: it knows ours only once that is done. Those are answered here. */
const JUDGED_THERE = ["if-match", "if-unmodified-since", "if-modified-since"] as const;

/** One range as nginx reads it: whatever else may be written, it says 416 to. */
const PLAIN = /^bytes=(?:\d{1,15}-\d{0,15}|-\d{1,15})$/;

/**
 * What is added to the head of an answer without content; undefined where the bytes go out from here.
 *
 * Only over a connection of a proxy that the operator named: anybody else would get a path instead of a file. Only what nginx does as we would: the whole file, or one
 * range of it, of bytes that nobody has to look at first. The name is made of an id, and of nothing that anybody has sent.
 */
export async function handedOver(
  { accelPrefix, engine }: Pick<Front, "accelPrefix" | "engine">,
  request: Request,
  file: FileRecord,
  ranges: readonly ByteRange[] | undefined,
): Promise<Headers | undefined> {
  if (accelPrefix === undefined || !request.isFromProxy?.()) return undefined;
  if (request.method !== "GET" || file.size === 0 || file.notes?.damaged) return undefined;
  if (request.header("holdfast-verify") !== undefined) return undefined;
  if (JUDGED_THERE.some((name) => request.header(name) !== undefined)) return undefined;
  const range = request.header("range");
  const isUnderstood = range === undefined || (ranges?.length === 1 && PLAIN.test(range));
  if (!isUnderstood) return undefined;
  // nginx would call whatever is there the whole file. What goes wrong is told, or cut off, here.
  if (!(await engine.isAllThere(file).catch(() => false))) return undefined;
  return { "x-accel-redirect": `${accelPrefix}${file.uploadId}.bytes` };
}
