// What a store says, by table.
import { describe, expect, it } from "vitest";
import { storeError } from "./store-error.ts";

const xml = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;

describe("a store's answer", () => {
  it.each([
    [403, xml("AccessDenied"), "signature_refused"],
    [403, xml("SignatureDoesNotMatch"), "signature_refused"],
    [403, "", "signature_refused"],
    [400, xml("ExpiredToken"), "signature_refused"],
    [400, xml("BadDigest"), "digest_mismatch"],
    [400, xml("XAmzContentSHA256Mismatch"), "digest_mismatch"],
    [400, xml("RequestTimeout"), "body_stalled"],
    [404, xml("NoSuchUpload"), "parts_missing"],
    [429, "", "overloaded"],
    [503, xml("SlowDown"), "overloaded"],
    [500, xml("InternalError"), "storage_failed"],
    [307, xml("TemporaryRedirect"), "not_holdfast"],
    [413, "<html>", "not_holdfast"],
    [400, xml("Unheard"), "not_holdfast"],
  ])("%i %s is %s", (status, text, code) => {
    expect(storeError(status, text, { retryAfterMs: 7 })).toMatchObject({
      ...{ code, details: { status, retryAfterMs: 7 } },
    });
  });
});
