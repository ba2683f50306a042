// Interop version 6 (drafts -04 and -05): URLSession since iOS 18.1 and macOS 15.1, tus-js-client as `ietf-draft-05`.

import { DRAFT_8 } from "./draft-8.ts";
import { HoldfastError } from "./errors.ts";
import type { FieldValues, ResumableCodec } from "./resumable.ts";

const STATE_FIELDS = ["upload-offset", "upload-complete", "upload-length"];
const COMPLETED = "https://iana.org/assignments/http-problem-types#completed-upload";

export const DRAFT_6: ResumableCodec = {
  ...DRAFT_8,
  appendedStatus: 201,
  isEndedByExcess: false,

  // Only what is not the last has to say so.
  decodeAppend(header, bodySize) {
    const said = header("upload-complete") ?? "?1";
    return DRAFT_8.decodeAppend(
      (name) => (name === "upload-complete" ? said : header(name)),
      bodySize,
    );
  },

  requireBare(header) {
    const field = STATE_FIELDS.find((name) => header(name) !== undefined);
    if (field === undefined) return;
    throw new HoldfastError("invalid_request", `${field} has no place here`, { field });
  },

  limitFields: (limits) => renamed(DRAFT_8.limitFields(limits)),

  offsetFields(view, now) {
    const fields = renamed(DRAFT_8.offsetFields(view, now));
    // tus-js-client takes an offset that is the length for the end of the upload, whatever Upload-Complete says, and would leave it unfinished.
    if (view.isComplete || view.offset !== view.size) return fields;
    const { "upload-length": _, ...rest } = fields;
    return rest;
  },

  begunFields: (url, view, now) => renamed(DRAFT_8.begunFields(url, view, now)),

  // What is told of an upload has its address in every response to its creation, the last one too.
  completeFields: (url, view) => ({ ...DRAFT_8.completeFields(url, view), location: url }),

  refusalOf(error, provided) {
    if (error.code === "upload_ended") return { status: 404, fields: {}, members: {} };
    const refusal = DRAFT_8.refusalOf(error, provided);
    if (error.code !== "upload_not_open" || error.details["state"] !== "complete") return refusal;
    return { status: 400, fields: refusal.fields, members: { type: COMPLETED } };
  },
};

/** The lifetime had another name. */
function renamed({ ...fields }: FieldValues): FieldValues {
  const limit = fields["upload-limit"];
  return limit === undefined
    ? fields
    : { ...fields, "upload-limit": limit.replace("max-age", "expires") };
}
