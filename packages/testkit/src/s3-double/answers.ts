// Answers of a store: a document, nothing, or an error with its code.
import { type Xml, xmlOf } from "./xml.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export function empty(status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers, body: Buffer.alloc(0) };
}

export function document(name: string, content: Xml): Answer {
  return {
    status: 200,
    headers: { "content-type": "application/xml" },
    body: Buffer.from(xmlOf(name, content)),
  };
}

/** Codes that the double knows, with the status a store sends them with. */
const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  BadDigest: 400,
  EntityTooSmall: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRequest: 400,
  InvalidStorageClass: 400,
  "KMS.NotFoundException": 400,
  NoSuchBucket: 404,
  NoSuchCORSConfiguration: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  XAmzContentSHA256Mismatch: 400,
  InvalidRange: 416,
} as const;

export type ErrorCode = keyof typeof STATUS;

export function refusal(code: ErrorCode, text: string = code): Answer {
  return errorAnswer(STATUS[code], code, text);
}

export function errorAnswer(status: number, code: string, text: string = code): Answer {
  const answer = document("Error", { Code: code, Message: text, RequestId: "double" });
  return { ...answer, status };
}
