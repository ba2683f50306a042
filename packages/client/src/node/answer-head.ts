// The head of an answer by HTTP/1.1, where it is as plain as what Holdfast and most servers send: a body of a known size, every field once.

export interface AnswerHead {
  readonly status: number;
  /** By their names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  /** Bytes of the body. */
  readonly size: number;
  /** Milliseconds for which the connection may be kept for another request; 0 where it ends with this one. */
  readonly keptMs: number;
}

/** What a server is believed to keep an idle connection for where it says nothing. */
const KEPT_MS = 20_000;
/** So much before its time a connection is not used any more: the request would meet its end. */
const EARLY_MS = 1_000;

// RFC 9112 section 4, RFC 9110 section 5: a token, and visible text with spaces and tabs in it. Nothing is folded, nothing stands before the colon.
const STATUS_LINE = /^HTTP\/1\.1 ([2-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/;
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;
/** Their bodies, or that they have none, follow rules of their own. */
const ODD: ReadonlySet<number> = new Set([204, 205, 304]);

/** Undefined where it is anything but plain: whoever reads all of HTTP may make something of it. `text` is without the empty line at its end. */
export function decodePlainHead(text: string): AnswerHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(STATUS_LINE.exec(first)?.[1]);
  if (!Number.isInteger(status) || ODD.has(status)) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value] = FIELD.exec(line) ?? [];
    const key = name.toLowerCase();
    if (value === undefined || (fields.has(key) && key !== "set-cookie")) return undefined;
    fields.set(key, value);
  }
  const said = fields.get("content-length") ?? "";
  const size = Number(said);
  if (fields.has("transfer-encoding") || !SIZE.test(said) || !Number.isSafeInteger(size)) {
    return undefined;
  }
  return { status, fields, size, keptMs: keptMsOf(fields) };
}

function keptMsOf(fields: ReadonlyMap<string, string>): number {
  const connection = fields.get("connection") ?? "keep-alive";
  if (connection.toLowerCase() !== "keep-alive") return 0;
  const seconds = /(?:^|[, ])timeout=([0-9]{1,6})\b/i.exec(fields.get("keep-alive") ?? "")?.[1];
  if (seconds === undefined) return KEPT_MS;
  return Math.max(0, Number(seconds) * 1000 - EARLY_MS);
}
