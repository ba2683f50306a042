// Signed requests on the wire: what a client may be told to send somewhere, and what it may not.
import { describe, expect, it } from "vitest";
import { refusalOf } from "../scripts/vectors/refusal.ts";
import {
  decodePartRequests,
  decodePartsWanted,
  encodePartRequests,
  encodePartsWanted,
} from "./direct.ts";

const one = {
  index: 3,
  url: "https://store.example/bucket/key?partNumber=4&X-Amz-Signature=ab",
  method: "PUT",
  headers: { "x-amz-checksum-sha256": "q83vEiNFZ4mrze8SI0VniavN7xIjRWeJq83vEiNFZ4k=" },
  expiresAt: 1_700_000_000_000,
} as const;

const refused = (change: object) =>
  refusalOf(() => decodePartRequests({ requests: [{ ...one, ...change }] }));

describe("signed requests", () => {
  it("come back as they went, wherever they lead", () => {
    const requests = [one, { ...one, index: 4, url: "/p/k/aa/4?sig=x", headers: {} }];
    expect(decodePartRequests(encodePartRequests(requests))).toEqual(requests);
    expect(decodePartRequests({ requests: [] })).toEqual([]);
  });

  it("have header names in one case", () => {
    const [read] = decodePartRequests({ requests: [{ ...one, headers: { "Content-MD5": "x" } }] });
    expect(read?.headers).toEqual({ "content-md5": "x" });
  });

  it.each([
    ...["//evil.example/p", "/\\evil.example", "p/k", "ftp://a/b", "file:///etc/passwd"],
    ...["javascript:alert(1)", "https://u:p@store.example/", "https://a b/", "https://", ""],
  ])("lead nowhere by %j", (url) => {
    expect(refused({ url })).toMatchObject({ code: "invalid_request", field: "url" });
  });

  it.each([
    [{ Authorization: "Bearer x" }],
    [{ cookie: "a=b" }],
    [{ host: "other" }],
    [{ "transfer-encoding": "chunked" }],
    [{ connection: "close" }],
    [{ "content-encoding": "gzip" }],
    [{ "a b": "c" }],
    [{ a: "b\r\nc: d" }],
    [{ a: 1 }],
  ])("carry no %j", (headers) => {
    expect(refused({ headers })).toMatchObject({ code: "invalid_request", field: "headers" });
  });

  it.each([
    [{ method: "POST" }, "method"],
    [{ index: -1 }, "index"],
    [{ expiresAt: "soon" }, "expiresAt"],
    [{ headers: null }, "headers"],
  ])("are not as %j", (change, field) => {
    expect(refused(change)).toMatchObject({ code: "invalid_request", field });
  });

  it("are a list of a hundred at most", () => {
    const many = { requests: Array.from({ length: 101 }, () => one) };
    for (const value of [many, {}, { requests: {} }, null, []])
      expect(refusalOf(() => decodePartRequests(value))?.code).toBe("invalid_request");
  });
});

it("wanted parts come back as they went", () => {
  const parts = [{ index: 0, digest: new Uint8Array(32).fill(7) }];
  const wanted = { parts, expiresIn: 60, address: "mine" };
  expect(decodePartsWanted(encodePartsWanted(wanted))).toEqual(wanted);
});
