// Whether the store takes what every object is to carry; where it does not, which of it.

import type { Setting } from "./blame.ts";
import { isRefusal, type MultipartId } from "./calls.ts";
import { explain } from "./explain.ts";
import { type Finding, no } from "./finding.ts";
import type { Marks } from "./location.ts";
import type { ProbeOptions } from "./probe.ts";

export async function beginMarked(
  options: ProbeOptions,
): Promise<{ readonly upload: MultipartId } | Finding> {
  const { marks = {} } = options;
  try {
    return { upload: await begin(options, marks) };
  } catch (error) {
    const blamed = await blameMarks(options, marks, error);
    return blamed ?? no("write", explain(error));
  }
}

async function begin({ calls, prefix, name }: ProbeOptions, marks: Marks): Promise<MultipartId> {
  const key = `${prefix}probe/${name}`;
  return { key, uploadId: await calls.multipart.create(key, { type: "text/plain", ...marks }) };
}

/** What a store says of a field that it does not take is no help; which one it is, is found by trying each alone. */
async function blameMarks(
  options: ProbeOptions,
  { storageClass, encryption, tags }: Marks,
  error: unknown,
): Promise<Finding | undefined> {
  const each: readonly (readonly [Setting, Marks])[] = [
    ...(storageClass === undefined ? [] : [["storage-class", { storageClass }] as const]),
    ...(encryption ? [["sse", { encryption: { algorithm: encryption.algorithm } }] as const] : []),
    ...(encryption?.keyId ? [["kms-key", { encryption }] as const] : []),
    ...(tags === undefined ? [] : [["tags", { tags }] as const]),
  ];
  if (each.length === 0 || !isRefusal(error) || (await isTried(options, {})) !== true) {
    return undefined;
  }
  for (const [setting, mark] of each) {
    const tried = await isTried(options, mark);
    if (tried === true) continue;
    const known = explain(tried);
    const says = `${setting} is not taken: ${known.says}`;
    const other = `Give ${setting} what the store has and these credentials may use, or leave it out.`;
    const remedy = known.setting === undefined ? other : (known.remedy ?? other);
    return no("write", { says, setting, remedy });
  }
  return undefined;
}

/** True, or what it was refused with. */
async function isTried(options: ProbeOptions, marks: Marks): Promise<unknown> {
  try {
    const upload = await begin(options, marks);
    await options.calls.multipart.abort(upload).catch(() => undefined);
    return true;
  } catch (error) {
    return error;
  }
}
