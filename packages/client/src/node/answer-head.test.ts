import { describe, expect, it } from "vitest";
import { decodePlainHead } from "./answer-head.ts";

const head = (...lines: string[]) => decodePlainHead(lines.join("\r\n"));

describe("a plain head", () => {
  it("has a status, fields by their names, the body's size, and how long the connection is kept", () => {
    const decoded = head(
      "HTTP/1.1 206 Partial Content",
      "Content-Range: bytes 0-9/100",
      'ETag:\t"a:b" ',
      "Content-Length: 10",
      "Connection: keep-alive",
      "Keep-Alive: timeout=60, max=100",
    );
    expect(decoded).toMatchObject({ status: 206, size: 10, keptMs: 59_000 });
    expect(decoded?.fields.get("content-range")).toBe("bytes 0-9/100");
    expect(decoded?.fields.get("etag")).toBe('"a:b"');
  });

  it.each([
    ["HTTP/1.1 200", "Content-Length: 0"],
    ["HTTP/1.1 404 Not Found", "content-length: 3", "Set-Cookie: a=1", "Set-Cookie: b=2"],
    ["HTTP/1.1 503 \xe9", "X-Empty:", "Content-Length: 9007199254740991"],
  ])("%j", (...lines) => {
    expect(head(...lines)).toBeDefined();
  });

  it.each([
    ["close", 0],
    ["Close", 0],
    ["keep-alive, upgrade", 0],
    ["Keep-Alive", 20_000],
  ])("keeps its connection by what `Connection: %s` says: %i ms", (connection, keptMs) => {
    const decoded = head("HTTP/1.1 200 OK", "Content-Length: 1", `Connection: ${connection}`);
    expect(decoded?.keptMs).toBe(keptMs);
  });
});

describe("is not for us", () => {
  it.each([
    ["HTTP/1.0 200 OK", "Content-Length: 1"],
    ["HTTP/1.1 101 Switching Protocols", "Content-Length: 1"],
    ["HTTP/1.1 204 No Content", "Content-Length: 0"],
    ["HTTP/1.1 304 Not Modified", "Content-Length: 5"],
    ["HTTP/1.1 20 OK", "Content-Length: 1"],
    ["HTTP/1.1 2000 OK", "Content-Length: 1"],
    ["HTTP/1.1\t200 OK", "Content-Length: 1"],
    ["HTTP/1.1 200 O\nK", "Content-Length: 1"],
    ["HTTP/1.1 200 OK"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 1"],
    ["HTTP/1.1 200 OK", "Content-Length: 1, 1"],
    ["HTTP/1.1 200 OK", "Content-Length: +1"],
    ["HTTP/1.1 200 OK", "Content-Length: 01"],
    ["HTTP/1.1 200 OK", "Content-Length: 0x1"],
    ["HTTP/1.1 200 OK", "Content-Length: "],
    ["HTTP/1.1 200 OK", "Content-Length: 9007199254740993"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", "Transfer-Encoding: chunked"],
    ["HTTP/1.1 200 OK", "Content-Length : 1"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", " folded"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", "X: a\0b"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", "X: a\nContent-Length: 2"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", ": none"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", ""],
    ["ICY 200 OK", "Content-Length: 1"],
    [""],
  ])("%j", (...lines) => {
    expect(head(...lines)).toBeUndefined();
  });
});
