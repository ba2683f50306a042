// Interop version 5 (draft -03): URLSession of iOS 18.0 and macOS 15.0, tus-js-client as `ietf-draft-03`.
import { APPEND_TYPE } from "./append.ts";
import { DRAFT_6 } from "./draft-6.ts";
import type { FieldValues, ResumableCodec } from "./resumable.ts";

export const DRAFT_5: ResumableCodec = {
  ...DRAFT_6,

  // Bytes of any type are bytes to append.
  decodeAppend: (header, bodySize) =>
    DRAFT_6.decodeAppend(
      (name) => (name === "content-type" ? APPEND_TYPE : header(name)),
      bodySize,
    ),

  limitFields: () => ({}),
  offsetFields: (view, now) => bare(DRAFT_6.offsetFields(view, now)),
  begunFields: (url, view, now) => bare(DRAFT_6.begunFields(url, view, now)),

  completeFields: (url, view) => bare(DRAFT_6.completeFields(url, view)),

  refusalOf(error, provided) {
    const { members: _, ...refusal } = DRAFT_6.refusalOf(error, provided);
    return { ...refusal, fields: bare(refusal.fields), members: {} };
  },
};

/** There were no limits and no length yet. */
function bare(fields: FieldValues): FieldValues {
  const { "upload-limit": _, "upload-length": __, ...rest } = fields;
  return rest;
}
