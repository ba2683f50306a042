// What has gone wrong somewhere: numbers, texts, methods, header fields and JSON values to spoil requests with.
import type { SeededRandom } from "@holdfast/testkit/random";

/** One of them, all as likely. */
export function pick<T>(random: SeededRandom, values: readonly T[], otherwise: T): T {
  return values[random.whole(values.length)] ?? otherwise;
}

export const NUMBERS: readonly string[] = [
  ...["0", "-0", "-1", "1e3", "0x10", "1.5", "+1", " 1", "01", "", "NaN", "1,2", "1-", "-1-2"],
  ...["9007199254740991", "9007199254740992", "18446744073709551616", "9".repeat(400)],
];
export const TEXTS: readonly string[] = [
  ...[
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "..\\..",
    "%00",
    "%2e%2e%2f",
    "%zz",
    "%c3%28",
  ],
  ...["\u202etxt.exe", "CON", "a\u0000b", "\ud800", "{{7*7}}", "<script>", "';--", "*", "?", "#"],
  ...["a".repeat(300), "\u0301".repeat(300), "/".repeat(200), "😀", "\u2028"],
];
export const METHODS: readonly string[] = [
  ...["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"],
  ...["get", "", " ", "G\u0000T", "PRI", "A".repeat(5000), "M-SEARCH", "PROPFIND", "GET\t"],
];
export const HEADER_NAMES: readonly string[] = [
  ...[
    "Content-Length",
    "Transfer-Encoding",
    "Host",
    "Expect",
    "Connection",
    "Upgrade",
    "TE",
    "Trailer",
  ],
  ...["Content-Type", "Content-Encoding", "Content-Digest", "Part-Digest", "Repr-Digest", "Range"],
  ...[
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "Authorization",
    "Cookie",
    "Origin",
  ],
  ...["Upload-Offset", "Upload-Length", "Upload-Complete", "Idempotency-Key", "Holdfast-Client"],
  ...[
    "Content-Disposition",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Forwarded",
    "X-HTTP-Method-Override",
  ],
  ...[
    "Digest",
    "X-Checksum-Crc32c",
    "A b",
    "",
    ":",
    "Ä",
    "__proto__",
    "Keep-Alive",
    "Accept-Encoding",
  ],
];
export const HEADER_VALUES: readonly string[] = [
  ...[
    "chunked",
    "gzip",
    "chunked, chunked",
    "identity",
    "xchunked",
    "close",
    "keep-alive",
    "upgrade",
  ],
  ...["websocket", "100-continue", "200-maybe", "h2c", "trailers", "*", "evil.example", "a, b, c"],
  ...[
    "sha-256=:AAAA:",
    "sha-256=(:AAAA: :AAAA:)",
    "sha-256=::",
    "sha-256",
    "md5=:AAAA:",
    "sha-256=:A:;a",
  ],
  ...[
    "bytes=0-",
    "bytes=-1",
    "bytes=5-2",
    "bytes=0-0,2-3",
    "bytes=--1",
    "items=1-2",
    "bytes=99999999999999-",
  ],
  ...[
    "?1",
    "?0",
    "?2",
    "1;a=b",
    '"',
    '"\\',
    "W/",
    'W/"',
    "Bearer",
    "Bearer  x",
    "Basic Og==",
    "Bearer hf_a_b",
  ],
  ...[
    "attachment; filename*=UTF-8''%",
    'attachment; filename="',
    "attachment; filename*=x''a",
    "inline",
  ],
  ...[
    "application/json",
    "application/json;charset=utf-16",
    "text/plain",
    "application/partial-upload",
  ],
  ...[
    "a/1; transfer=short",
    "a/1; transfer=../../../../x; attempt=-1",
    "\tx\t",
    "x\u0000y",
    "x\u0007",
    "é",
  ],
  ...["x\r\nInjected: 1", "x\ny", "x\r\n folded", "a".repeat(9000), "a".repeat(70_000)],
];

export const JSON_VALUES: readonly string[] = [
  ...[
    "null",
    "true",
    "[]",
    "{}",
    '""',
    "-1",
    "1e400",
    "1.5",
    '"a"',
    "0",
    "9007199254740993",
    "[[[]]]",
  ],
  ...['{"__proto__":{"a":1}}', '"\\ud800"', '"\\u0000"', '{"a":{"b":{"c":1}}}', '"../../x"'],
];
