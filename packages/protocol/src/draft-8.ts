// Interop versions 8 and 9 (drafts -09 to -12), the newest: also what is spoken where a request names no version, as it will be once there is an RFC.
import { APPEND_TYPE, decodeUploadLength, encodeUploadOffset } from "./append.ts";
import { HoldfastError } from "./errors.ts";
import type { FieldValues, Refusal, ResumableCodec } from "./resumable.ts";
import { sizeSaid } from "./size-said.ts";
import { decodeBoolean, decodeInteger } from "./structured-item.ts";

const REGISTRY = "https://iana.org/assignments/http-problem-types#";

export const DRAFT_8: ResumableCodec = {
  appendedStatus: 204,
  isEndedByExcess: true,

  decodeBegin(header, bodySize) {
    const isLast = decodeBoolean(header("upload-complete"));
    if (isLast === undefined) return undefined;
    return { isLast, ...sizeSaid(decodeUploadLength(header), { at: 0, isLast, bodySize }) };
  },

  decodesBegin: (header) => decodeBoolean(header("upload-complete")) !== undefined,
  providedOffset: (header) => decodeInteger(header("upload-offset")),

  decodeAppend(header, bodySize) {
    const type = header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (type !== APPEND_TYPE) {
      const text = `content-type must be ${APPEND_TYPE}`;
      throw new HoldfastError("media_type_unsupported", text, { types: [APPEND_TYPE] });
    }
    const at = decodeInteger(header("upload-offset"));
    if (at === undefined) throw invalid("upload-offset", "must be a whole number of bytes");
    const isLast = decodeBoolean(header("upload-complete"));
    if (isLast === undefined) throw invalid("upload-complete", "must be ?1 or ?0");
    return { at, isLast, ...sizeSaid(decodeUploadLength(header), { at, isLast, bodySize }) };
  },

  requireBare: () => undefined,

  limitFields: ({ maxSize, lifeMs }) => ({
    "upload-limit": `max-size=${maxSize}, max-age=${Math.floor(lifeMs / 1000)}`,
  }),
  progressFields: (offset) => ({ "upload-offset": String(offset) }),
  offsetFields: encodeUploadOffset,
  begunFields: (url, view, now) => ({ ...encodeUploadOffset(view, now), location: url }),

  completeFields: (_url, { offset, fileUrl }) => ({
    "upload-offset": String(offset),
    "upload-complete": "?1",
    "upload-length": String(offset),
    // The answer is that of the resource to which the whole would have been sent at once.
    ...(fileUrl === undefined ? {} : { location: fileUrl, "content-location": fileUrl }),
  }),

  refusalOf(error, provided) {
    const { offset } = error.details;
    if (typeof offset === "number" && offset !== provided) return mismatching(offset, provided);
    if (error.code === "size_mismatch") {
      return refused({ status: 400, type: `${REGISTRY}inconsistent-upload-length` });
    }
    // All of it was there, and it is not what it should be: to go on would not help.
    if (error.code === "file_digest_mismatch") return refused({ isComplete: true });
    const { limit } = error.details;
    if (error.code !== "size_too_large" || typeof limit !== "number") return refused({});
    return refused({ more: { "upload-limit": `max-size=${limit}` } });
  },
};

function mismatching(expected: number, provided: number | undefined): Refusal {
  const members = {
    type: `${REGISTRY}mismatching-upload-offset`,
    "expected-offset": expected,
    ...(provided === undefined ? {} : { "provided-offset": provided }),
  };
  return { ...refused({ more: { "upload-offset": String(expected) } }), members };
}

interface Refused {
  readonly status?: number;
  readonly type?: string;
  readonly isComplete?: boolean;
  readonly more?: FieldValues;
}

function refused({ status, type, isComplete = false, more = {} }: Refused): Refusal {
  return {
    ...(status === undefined ? {} : { status }),
    fields: { ...more, "upload-complete": isComplete ? "?1" : "?0" },
    members: type === undefined ? {} : { type },
  };
}

function invalid(field: string, why: string): HoldfastError {
  return new HoldfastError("invalid_request", `${field} ${why}`, { field });
}
