// What bad uploads get when they are created or addressed: sizes, names, metadata, ids, JSON.
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { serveForTests } from "./kit/served.ts";
import { ask, codeOf, createJob, fieldsOf, postJson, statusOf, viewOf } from "./kit/wire.ts";

const { url } = serveForTests();
const UNKNOWN = `${"a".repeat(25)}a`;

describe("create", () => {
  it.each<[string, object, number, string, string]>([
    ["a negative size", { size: -1 }, 400, "invalid_request", "size"],
    ["a fraction", { size: 1.5 }, 400, "invalid_request", "size"],
    ["a size above 2^53", { size: 2 ** 53 }, 400, "invalid_request", "size"],
    ["a size as text", { size: "5" }, 400, "invalid_request", "size"],
    ["a size and a largest size", { maxSize: 5 }, 400, "invalid_request", "maxSize"],
    [
      "a largest size as text",
      { size: undefined, maxSize: "5" },
      400,
      "invalid_request",
      "maxSize",
    ],
    ["a size above the limit", { size: 2 ** 53 - 1 }, 413, "size_too_large", ""],
    ["an odd part size", { partSize: MIB + 1 }, 400, "invalid_request", "partSize"],
    ["a part size of 0", { partSize: 0 }, 400, "invalid_request", "partSize"],
    ["an empty name", { name: "" }, 400, "invalid_request", "name"],
    ["a path", { name: "../../etc/passwd" }, 400, "invalid_request", "name"],
    ["a backslash", { name: "a\\b" }, 400, "invalid_request", "name"],
    ["a NUL", { name: "a\u0000b" }, 400, "invalid_request", "name"],
    ["a control character", { name: "a\u001bb" }, 400, "invalid_request", "name"],
    ["10,000 characters", { name: "x".repeat(10_000) }, 400, "invalid_request", "name"],
    ["a lone surrogate", { name: "a\ud800" }, 400, "invalid_request", "name"],
    ["a type that is none", { type: "not a type" }, 400, "invalid_request", "type"],
    ["metadata that is a list", { metadata: [] }, 400, "invalid_request", "metadata"],
    ["metadata of numbers", { metadata: { a: 1 } }, 400, "invalid_request", "metadata"],
    ["an unknown digest", { digest: "md5" }, 400, "invalid_request", "digest"],
  ])("refuses %s", async (_, change, status, code, field) => {
    const reply = await postJson(url(), "/v1/uploads", { name: "n", size: 5, ...change });
    expect([reply.status, codeOf(reply)]).toEqual([status, code]);
    if (field !== "") expect(fieldsOf(reply).get("field")).toBe(field);
    expect(fieldsOf(reply).get("hint")).toMatch(/\w+/);
  });

  it("keeps __proto__ and its like as plain metadata", async () => {
    const body = '{"name":"n","size":5,"metadata":{"__proto__":"a","constructor":"b","é":"c"}}';
    const headers = { "content-type": "application/json" };
    const reply = await ask(url(), { method: "POST", path: "/v1/uploads", headers, body });
    expect(reply.status).toBe(201);
    const { metadata } = await statusOf(url(), viewOf(reply).id);
    expect([...metadata].sort()).toEqual([
      ["__proto__", "a"],
      ["constructor", "b"],
      ["é", "c"],
    ]);
  });

  it.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["nothing", ""],
    ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ])("refuses %s as a body", async (_, body) => {
    const headers = { "content-type": "application/json" };
    const reply = await ask(url(), { method: "POST", path: "/v1/uploads", headers, body });
    expect([reply.status, codeOf(reply)]).toEqual([400, "invalid_request"]);
  });

  it("completes an empty file at once", async () => {
    const job = await createJob(url(), { seed: 1, size: 0 });
    const view = await statusOf(url(), job.id);
    expect(view).toMatchObject({ state: "complete", file: { size: 0 } });
    const file = await ask(url(), { method: "GET", path: view.file?.url ?? "" });
    expect([file.status, file.text]).toEqual([200, ""]);
  });
});

describe("addresses", () => {
  it.each([
    ["GET", `/v1/uploads/${UNKNOWN}`, "upload_not_found"],
    ["GET", "/v1/uploads/nonsense", "upload_not_found"],
    ["GET", `/v1/uploads/${"A".repeat(26)}`, "upload_not_found"],
    ["GET", "/v1/uploads/..%2f..%2fetc%2fpasswd", "upload_not_found"],
    ["GET", "/v1/uploads/%00", "upload_not_found"],
    ["DELETE", `/v1/uploads/${UNKNOWN}`, "upload_not_found"],
    ["POST", `/v1/uploads/${UNKNOWN}/complete`, "upload_not_found"],
    ["GET", `/v1/files/${UNKNOWN}`, "file_not_found"],
    ["GET", "/v1/files/nonsense", "file_not_found"],
    ["GET", `/v1/files/${UNKNOWN}/manifest`, "file_not_found"],
    ["GET", "/v2/anything", "route_not_found"],
  ])("answers %s %s with 404 %s", async (method, path, code) => {
    const reply = await ask(url(), { method, path });
    expect([reply.status, codeOf(reply)]).toEqual([404, code]);
  });

  it("does not find an upload by its file's id, nor the other way round", async () => {
    const job = await createJob(url(), { seed: 1, size: 0 });
    const file = (await statusOf(url(), job.id)).file?.id ?? "";
    const asFile = await ask(url(), { method: "GET", path: `/v1/files/${job.id}` });
    const asUpload = await ask(url(), { method: "GET", path: `/v1/uploads/${file}` });
    expect([asFile.status, asUpload.status]).toEqual([404, 404]);
  });
});
