// Ranges: one of them, and what is none.
import type { Row } from "../row.ts";
import { absent, header, looks, perhaps, slice, status } from "../write.ts";
import { fileRow, get, head, part, range, row, WHOLE } from "./requests.ts";

const SINGLE = "sections 14.1.2, 15.3.7.1";
const BAD = "sections 14.2, 15.5.17";
/** Passed over or refused, and never answered with some range that nobody named. */
const NO_RANGE = status(200, 400, 416);

export const SINGLES: readonly Row[] = [
  fileRow("D1a", "MUST", "section 8.6", "HEAD has the size and no body", [
    head([], [status(200), perhaps("Content-Length", "{size}"), slice(0, 0)]),
  ]),
  fileRow(
    "D1b",
    "SHOULD",
    "section 9.3.2",
    "HEAD has the validators that GET has",
    [head([], [header("ETag", "{etag}"), header("Last-Modified", "{date}")])],
    ["etag", "date"],
  ),
  fileRow(
    "D1c",
    "CUSTOM",
    "section 14.3",
    "Accept-Ranges says bytes",
    [get([], [header("Accept-Ranges", "bytes")])],
    ["ranges"],
  ),
  fileRow("D1d", "CUSTOM", "section 8.8.3", "there is a strong ETag", [
    get([], [header("ETag", looks(/^"[^"]*"$/, "a strong ETag"))]),
  ]),
  fileRow("D1e", "SHOULD", "section 8.8.2", "there is a Last-Modified, in the one preferred form", [
    get([], [header("Last-Modified", { kind: "date" })]),
  ]),

  row("D2a", "MUST", SINGLE, "the first ten bytes", [get([range("0-9")], part(0, 10, "0-9"))]),
  row("D2b", "MUST", SINGLE, "a single byte", [get([range("0-0")], part(0, 1, "0-0"))]),
  row("D2c", "MUST", SINGLE, "bytes in the middle", [
    get([range("100-149")], part(100, 150, "100-149")),
  ]),
  row("D2d", "MUST", SINGLE, "from a byte on", [
    get([range("{tail}-")], part(-10, undefined, "{tail}-{last}")),
  ]),
  row("D2e", "MUST", SINGLE, "the last ten bytes", [
    get([range("-10")], part(-10, undefined, "{tail}-{last}")),
  ]),
  row("D2f", "MUST", SINGLE, "a suffix that is longer than the file is all of it", [
    get([range("-{beyond}")], part(0, undefined, "0-{last}")),
  ]),
  row("D2g", "MUST", SINGLE, "an end beyond the file is the file's end", [
    get([range("{tail}-{beyond}")], part(-10, undefined, "{tail}-{last}")),
  ]),
  row("D2h", "CUSTOM", SINGLE, "an end of more digits than a number has is the file's end", [
    get([range(`{tail}-${"9".repeat(40)}`)], part(-10, undefined, "{tail}-{last}")),
  ]),
  row("D2i", "MUST", "section 14.1", "the name of the unit has no case", [
    get([["Range", "Bytes=0-9"]], part(0, 10, "0-9")),
  ]),
  row("D2j", "CUSTOM", "section 14.1.1", "leading zeros are digits", [
    get([range("000-009")], part(0, 10, "0-9")),
  ]),
  row("D2k", "MUST", "section 5.6.1.2", "empty members of the list are passed over", [
    get([range(",0-9,")], part(0, 10, "0-9")),
  ]),
  row(
    "D2l",
    "MUST",
    "section 15.3.7",
    "a 206 has the ETag that the whole would have",
    [get([range("0-9")], [status(206), header("ETag", "{etag}")])],
    ["etag"],
  ),
  row("D2m", "MUST", "section 15.3.7.2", "one range is no multipart", [
    get(
      [range("0-9")],
      [status(206), perhaps("Content-Type", looks(/^(?!multipart\/byteranges)/, "one range"))],
    ),
  ]),
  row("D2n", "MUST", "section 14.2", "HEAD passes a range over", [
    head([range("0-9")], [status(200), absent("Content-Range")]),
  ]),

  row("D3a", "SHOULD", BAD, "a range behind the end is 416", [
    get([range("{size}-")], [status(416)]),
  ]),
  row("D3b", "SHOULD", BAD, "416 tells the size in Content-Range", [
    get([range("{size}-")], [status(416), header("Content-Range", "bytes */{size}")]),
  ]),
  row("D3c", "SHOULD", BAD, "the last no bytes are 416", [get([range("-0")], [status(416)])]),
  row("D3d", "CUSTOM", BAD, "a start of more digits than a number has is 416", [
    get([range(`${"9".repeat(40)}-`)], [status(416)]),
  ]),
  row("D3e", "MUST", "section 14.2", "another unit is passed over", [
    get([["Range", "items=0-9"]], WHOLE),
  ]),
  row("D3f", "CUSTOM", BAD, "an end before its start is no range", [
    get([range("9-0")], [NO_RANGE]),
  ]),
  row("D3g", "CUSTOM", BAD, "signs, fractions, other bases and words are no range", [
    ...["+0-9", "0.0-9", "0x0-0x9", "a-b", "--9", "0--9", "0-9;q=1", "0 - 9", "-", ""].map((text) =>
      get([range(text)], [NO_RANGE]),
    ),
  ]),
  row("D3h", "CUSTOM", BAD, "a field without its unit or its equals sign is no range", [
    get([["Range", "0-9"]], [NO_RANGE]),
    get([["Range", "bytes 0-9"]], [NO_RANGE]),
    get([["Range", "bytes:0-9"]], [NO_RANGE]),
  ]),
];
