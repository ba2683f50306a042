// The list of files on the wire, by tables.
import { describe, expect, it } from "vitest";
import { decodeFilesRequest, encodeFiles, FILES_LIMIT, fileId } from "./index.ts";

const id = fileId(new Uint8Array(16).fill(7));

describe("what a list is asked for", () => {
  it.each([
    ["", { limit: FILES_LIMIT }],
    ["limit=1", { limit: 1 }],
    ["limit=1000&other=x", { limit: 1000 }],
    [`after=1700000000000.${id}`, { limit: FILES_LIMIT, after: { createdAt: 1.7e12, id } }],
  ])("%s", (query, expected) => {
    expect(decodeFilesRequest(new URLSearchParams(query))).toEqual(expected);
  });

  it.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=-1", "limit"],
    ["limit=1.5", "limit"],
    ["limit=", "limit"],
    ["limit=1e2", "limit"],
    ["after=", "after"],
    [`after=${id}`, "after"],
    [`after=9999999999999999.${id}`, "after"],
    [`after=1.${id.slice(1)}`, "after"],
    [`after=1.${"z".repeat(26)}`, "after"],
  ])("%s is refused", (query, field) => {
    const refused = { code: "invalid_request", details: { field } };
    const decode = () => decodeFilesRequest(new URLSearchParams(query));
    expect(decode).toThrow(expect.objectContaining(refused));
  });
});

it("a page names where the next one begins, in words that a request takes", () => {
  const root = new Uint8Array(32).fill(0xab);
  const file = { id, url: `/v1/files/${id}`, name: "a", type: "b/c", size: 7, root, createdAt: 5 };
  const page = { files: [{ ...file, root: "ab".repeat(32) }] };
  expect(encodeFiles([file])).toEqual(page);
  const next = `5.${id}`;
  expect(encodeFiles([file], file)).toEqual({ ...page, next });
  expect(decodeFilesRequest(new URLSearchParams({ after: next })).after).toEqual({
    createdAt: 5,
    id,
  });
  const sha256 = new Uint8Array(32).fill(1);
  expect(encodeFiles([{ ...file, sha256 }])).toMatchObject({
    files: [{ sha256: "01".repeat(32) }],
  });
});
