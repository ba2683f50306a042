// Vectors of problem documents (RFC 9457) and the error table itself.
import { ERRORS } from "../../src/index.ts";

const conflict = {
  index: 7,
  type: "urn:holdfast:error:part_conflict",
  title: ERRORS.part_conflict.title,
  status: 409,
  code: "part_conflict",
  detail: "part 7 is committed with another digest",
  hint: ERRORS.part_conflict.hint,
};

export const problems: object = {
  about:
    "encode: the document of an error, its details as further members. decode: what a reader takes from a body: a code, or null where it is not from Holdfast.",
  encode: [
    {
      code: "part_conflict",
      detail: "part 7 is committed with another digest",
      details: { index: 7 },
      document: conflict,
    },
    {
      code: "upload_not_found",
      detail: null,
      details: {},
      document: {
        type: "urn:holdfast:error:upload_not_found",
        title: ERRORS.upload_not_found.title,
        status: 404,
        code: "upload_not_found",
        detail: ERRORS.upload_not_found.title,
        hint: ERRORS.upload_not_found.hint,
      },
      why: "without a detail of its own it has the title",
    },
    {
      code: "part_conflict",
      detail: "part 7 is committed with another digest",
      details: { index: 7, status: 200, code: "x", title: "x", hint: "x", detail: "x", type: "x" },
      document: conflict,
      why: "details never stand over the standard members",
    },
  ],
  decode: [
    { body: JSON.stringify(conflict), code: "part_conflict", details: { index: 7 } },
    { body: '{"code":"storage_full"}', code: "storage_full", details: {} },
    { body: '{"code":"internal","detail":7}', code: "internal", details: {} },
    { body: '{"type":"about:blank","status":404}', code: null },
    { body: '{"code":"never_heard_of"}', code: null },
    { body: '{"code":"constructor"}', code: null },
    { body: '{"code":"__proto__"}', code: null },
    { body: '{"code":404}', code: null },
    { body: '{"code":"gave_up"}', code: null, why: "this one never crosses the wire" },
    ...["null", "[]", "7", '"part_conflict"', "true"].map((body) => ({ body, code: null })),
  ],
};

export const errors: object = {
  about:
    "Every code with its HTTP status (0: it never crosses the wire) and what a client does: now, later (Retry-After), status (ask first), auth, never.",
  errors: Object.entries(ERRORS).map(([code, row]) => ({ code, ...row })),
};
