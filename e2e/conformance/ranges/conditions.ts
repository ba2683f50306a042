// Preconditions of downloads, each by itself and in their order.
import type { Field } from "../message.ts";
import type { Row } from "../row.ts";
import { header, perhaps, slice, status } from "../write.ts";
import { fileRow, get, head, part, range, row, WHOLE } from "./requests.ts";

const IF_RANGE = "section 13.1.5";
const IF_MATCH = "section 13.1.1";
const IF_NONE_MATCH = "section 13.1.2";
const IF_MODIFIED = "section 13.1.3";
const IF_UNMODIFIED = "section 13.1.4";
const ORDER = "section 13.2.2";
const DATES = "section 5.6.7";

const TEN: Field = range("0-9");
const WEAK = "W/{etag}";
const OTHER = '"another"';
const ok = [status(200)];
const notModified = [status(304), slice(0, 0)];
const failed = [status(412)];

export const CONDITIONS: readonly Row[] = [
  row(
    "D5a",
    "MUST",
    IF_RANGE,
    "the file's ETag: the range",
    [get([TEN, ["If-Range", "{etag}"]], part(0, 10, "0-9"))],
    ["etag"],
  ),
  row("D5b", "MUST", IF_RANGE, "another ETag: the whole", [get([TEN, ["If-Range", OTHER]], WHOLE)]),
  row(
    "D5c",
    "MUST",
    IF_RANGE,
    "the same ETag, but weak: the whole",
    [get([TEN, ["If-Range", WEAK]], WHOLE)],
    ["etag"],
  ),
  row(
    "D5d",
    "CUSTOM",
    IF_RANGE,
    "the file's date: the range",
    [get([TEN, ["If-Range", "{date}"]], part(0, 10, "0-9"))],
    ["date"],
  ),
  row(
    "D5e",
    "MUST",
    IF_RANGE,
    "another date, later or earlier: the whole",
    [get([TEN, ["If-Range", "{later}"]], WHOLE), get([TEN, ["If-Range", "{earlier}"]], WHOLE)],
    ["date"],
  ),
  row("D5f", "MUST", IF_RANGE, "without a range it is passed over", [
    get([["If-Range", OTHER]], WHOLE),
  ]),
  row("D5g", "MUST", IF_RANGE, "one that does not fit makes a range behind the end the whole", [
    get([range("{size}-"), ["If-Range", OTHER]], WHOLE),
  ]),
  row("D5h", "CUSTOM", IF_RANGE, "what is neither a date nor an ETag: the whole", [
    get([TEN, ["If-Range", "yesterday"]], WHOLE),
    get([TEN, ["If-Range", "*"]], WHOLE),
  ]),

  fileRow(
    "D6a",
    "MUST",
    IF_MATCH,
    "the file's ETag: the file",
    [get([["If-Match", "{etag}"]], WHOLE)],
    ["etag"],
  ),
  fileRow("D6b", "MUST", IF_MATCH, "any: the file", [get([["If-Match", "*"]], WHOLE)]),
  fileRow(
    "D6c",
    "MUST",
    IF_MATCH,
    "one of a list: the file",
    [get([["If-Match", `${OTHER}, "b,c", {etag}`]], WHOLE)],
    ["etag"],
  ),
  fileRow("D6d", "MUST", IF_MATCH, "another ETag: 412", [get([["If-Match", OTHER]], failed)]),
  fileRow(
    "D6e",
    "MUST",
    IF_MATCH,
    "the same ETag, but weak: 412",
    [get([["If-Match", WEAK]], failed)],
    ["etag"],
  ),
  fileRow("D6f", "MUST", IF_MATCH, "HEAD: 412", [head([["If-Match", OTHER]], failed)]),
  fileRow(
    "D6g",
    "MUST",
    IF_UNMODIFIED,
    "the file's date, or a later one: the file",
    [get([["If-Unmodified-Since", "{date}"]], ok), get([["If-Unmodified-Since", "{later}"]], ok)],
    ["date"],
  ),
  fileRow(
    "D6h",
    "MUST",
    IF_UNMODIFIED,
    "an earlier date: 412",
    [get([["If-Unmodified-Since", "{earlier}"]], failed)],
    ["date"],
  ),
  fileRow("D6i", "MUST", IF_UNMODIFIED, "what is no date is passed over", [
    get([["If-Unmodified-Since", "yesterday"]], ok),
    get([["If-Unmodified-Since", "1994-11-06T08:49:37Z"]], ok),
  ]),

  fileRow(
    "D7a",
    "MUST",
    IF_NONE_MATCH,
    "the file's ETag: 304",
    [get([["If-None-Match", "{etag}"]], notModified)],
    ["etag"],
  ),
  fileRow(
    "D7b",
    "MUST",
    IF_NONE_MATCH,
    "the same ETag, but weak: 304",
    [get([["If-None-Match", WEAK]], notModified)],
    ["etag"],
  ),
  fileRow("D7c", "MUST", IF_NONE_MATCH, "any: 304", [get([["If-None-Match", "*"]], notModified)]),
  fileRow(
    "D7d",
    "MUST",
    IF_NONE_MATCH,
    "one of a list: 304",
    [get([["If-None-Match", `${OTHER}, "b,c", {etag}`]], notModified)],
    ["etag"],
  ),
  fileRow("D7e", "MUST", IF_NONE_MATCH, "another ETag: the file", [
    get([["If-None-Match", OTHER]], WHOLE),
  ]),
  fileRow(
    "D7f",
    "MUST",
    IF_NONE_MATCH,
    "HEAD: 304",
    [head([["If-None-Match", "{etag}"]], notModified)],
    ["etag"],
  ),
  fileRow(
    "D7g",
    "SHOULD",
    IF_MODIFIED,
    "the file's date: 304",
    [get([["If-Modified-Since", "{date}"]], notModified)],
    ["date"],
  ),
  fileRow(
    "D7h",
    "SHOULD",
    IF_MODIFIED,
    "a later date: 304",
    [get([["If-Modified-Since", "{later}"]], notModified)],
    ["date"],
  ),
  fileRow(
    "D7i",
    "MUST",
    IF_MODIFIED,
    "an earlier date: the file",
    [get([["If-Modified-Since", "{earlier}"]], WHOLE)],
    ["date"],
  ),
  fileRow("D7j", "MUST", IF_MODIFIED, "what is no date is passed over", [
    get([["If-Modified-Since", "yesterday"]], ok),
    get([["If-Modified-Since", "1994-11-06T08:49:37Z"]], ok),
  ]),
  fileRow(
    "D7k",
    "MUST",
    DATES,
    "the two older forms of a date are dates",
    [
      get([["If-Unmodified-Since", "Sunday, 06-Nov-94 08:49:37 GMT"]], failed),
      get([["If-Unmodified-Since", "Sun Nov  6 08:49:37 1994"]], failed),
    ],
    ["date"],
  ),
  fileRow(
    "D7l",
    "MUST",
    "section 15.4.5",
    "304 has the ETag",
    [get([["If-None-Match", "{etag}"]], [status(304), header("ETag", "{etag}")])],
    ["etag"],
  ),
  fileRow(
    "D7m",
    "MUST",
    "section 8.6",
    "304 has no other Content-Length than the file's",
    [get([["If-None-Match", "{etag}"]], [status(304), perhaps("Content-Length", "{size}")])],
    ["etag"],
  ),

  fileRow(
    "D8a",
    "MUST",
    ORDER,
    "If-Match stands over If-Unmodified-Since",
    [
      get(
        [
          ["If-Match", "{etag}"],
          ["If-Unmodified-Since", "{earlier}"],
        ],
        ok,
      ),
    ],
    ["etag", "date"],
  ),
  fileRow(
    "D8b",
    "MUST",
    ORDER,
    "If-None-Match stands over If-Modified-Since",
    [
      get(
        [
          ["If-None-Match", OTHER],
          ["If-Modified-Since", "{date}"],
        ],
        WHOLE,
      ),
      get(
        [
          ["If-None-Match", "{etag}"],
          ["If-Modified-Since", "{earlier}"],
        ],
        notModified,
      ),
    ],
    ["etag", "date"],
  ),
  fileRow(
    "D8c",
    "MUST",
    ORDER,
    "If-Match comes before If-None-Match",
    [
      get(
        [
          ["If-None-Match", "{etag}"],
          ["If-Match", OTHER],
        ],
        failed,
      ),
      get(
        [
          ["If-None-Match", "{etag}"],
          ["If-Match", "{etag}"],
        ],
        notModified,
      ),
    ],
    ["etag"],
  ),
  fileRow(
    "D8d",
    "MUST",
    ORDER,
    "If-Unmodified-Since comes before If-None-Match",
    [
      get(
        [
          ["If-None-Match", "{etag}"],
          ["If-Unmodified-Since", "{earlier}"],
        ],
        failed,
      ),
    ],
    ["etag", "date"],
  ),
  row(
    "D8e",
    "MUST",
    ORDER,
    "preconditions come before ranges",
    [
      get([TEN, ["If-Match", OTHER]], failed),
      get([TEN, ["If-Match", "{etag}"]], part(0, 10, "0-9")),
      get([TEN, ["If-None-Match", "{etag}"]], notModified),
      get([range("{size}-"), ["If-None-Match", "{etag}"]], notModified),
      get([range("{size}-"), ["If-Match", OTHER]], failed),
    ],
    ["etag"],
  ),
];
