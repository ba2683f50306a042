// Interop version 3 (draft -01): URLSession of iOS 17 and macOS 14. What was complete by its header was incomplete by it then.
import type { HeaderOf } from "./append.ts";
import { DRAFT_5 } from "./draft-5.ts";
import type { FieldValues, ResumableCodec } from "./resumable.ts";
import { decodeBoolean, encodeBoolean } from "./structured-item.ts";

export const DRAFT_3: ResumableCodec = {
  ...DRAFT_5,

  decodeBegin: (header, bodySize) => DRAFT_5.decodeBegin(turned(header), bodySize),
  decodesBegin: (header) => DRAFT_5.decodesBegin(turned(header)),
  decodeAppend: (header, bodySize) => DRAFT_5.decodeAppend(turned(header), bodySize),
  requireBare: (header) =>
    DRAFT_5.requireBare((name) => header(name === "upload-complete" ? "upload-incomplete" : name)),

  // An interim response told where to go on, and nothing else.
  progressFields: () => undefined,
  offsetFields: (view, now) => turnedBack(DRAFT_5.offsetFields(view, now)),
  begunFields: (url, view, now) => turnedBack(DRAFT_5.begunFields(url, view, now)),
  completeFields: (url, view) => turnedBack(DRAFT_5.completeFields(url, view)),

  refusalOf(error, provided) {
    const refusal = DRAFT_5.refusalOf(error, provided);
    return { ...refusal, fields: turnedBack(refusal.fields) };
  },
};

function turned(header: HeaderOf): HeaderOf {
  const field = header("upload-incomplete");
  const isIncomplete = decodeBoolean(field);
  // One that is malformed stays so: it must not look like one that is not there, which says that this is the end.
  const complete = isIncomplete === undefined ? field : encodeBoolean(!isIncomplete);
  return (name) => (name === "upload-complete" ? complete : header(name));
}

function turnedBack({ "upload-complete": complete, ...fields }: FieldValues): FieldValues {
  if (complete === undefined) return fields;
  return { ...fields, "upload-incomplete": encodeBoolean(complete === "?0") };
}
