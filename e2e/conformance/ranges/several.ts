// Ranges: several in one request.
import type { Row } from "../row.ts";
import { absent, byteranges, notLarger, slice, status } from "../write.ts";
import { get, part, range, row } from "./requests.ts";

const SEVERAL = "section 15.3.7.2";
const BOUNDED = "sections 14.2, 17.15";

const often = (text: string, times: number) => Array.from({ length: times }, () => text).join(",");

export const SEVERALS: readonly Row[] = [
  row(
    "D4a",
    "MUST",
    SEVERAL,
    "two ranges are two parts, each with its Content-Range",
    [get([range("0-9,50-59")], [status(206), byteranges([0, 10], [50, 60])])],
    ["multipart"],
  ),
  row(
    "D4b",
    "MUST",
    SEVERAL,
    "a multipart has no Content-Range of its own",
    [get([range("0-9,50-59")], [status(206), absent("Content-Range")])],
    ["multipart"],
  ),
  row(
    "D4c",
    "SHOULD",
    SEVERAL,
    "parts come in the order in which they were asked for",
    [get([range("50-59,0-9,100-109")], [byteranges([50, 60], [0, 10], [100, 110])])],
    ["multipart"],
  ),
  row(
    "D4d",
    "MUST",
    SEVERAL,
    "the first and the last bytes",
    [get([range("0-0,-10")], [status(206), byteranges([0, 1], [-10, undefined])])],
    ["multipart"],
  ),
  row(
    "D4e",
    "MUST",
    "section 5.6.1",
    "spaces and empty members stand between ranges",
    [get([range("0-9, ,\t50-59 ,")], [status(206), byteranges([0, 10], [50, 60])])],
    ["multipart"],
  ),
  row(
    "D4f",
    "CUSTOM",
    SEVERAL,
    "of two ranges one of which is outside the other is left, by itself",
    [get([range("0-9,{beyond}-")], part(0, 10, "0-9"))],
    ["multipart"],
  ),
  row(
    "D4g",
    "SHOULD",
    "section 15.5.17",
    "two ranges outside are 416",
    [get([range("{size}-,{beyond}-")], [status(416)])],
    ["multipart"],
  ),
  row(
    "D4h",
    "CUSTOM",
    "section 14.2",
    "one that cannot be read spoils the field",
    [
      get([range("0-9,x")], [status(200, 400, 416)]),
      get([range("0-9,60-50")], [status(200, 400, 416)]),
    ],
    ["multipart"],
  ),
  row("D4i", "CUSTOM", BOUNDED, "the same bytes over and over are no larger answer than the file", [
    get([range(often("0-", 100))], [status(200, 206, 400, 416), notLarger]),
    get([range(often("5-,0-", 50))], [status(200, 206, 400, 416), notLarger]),
  ]),
  row("D4j", "CUSTOM", BOUNDED, "a thousand ranges do no harm", [
    get([range(often("0-0,2-2", 500))], [status(200, 206, 400, 416, 431)]),
    get([range("0-9")], [status(206), slice(0, 10)]),
  ]),
];
