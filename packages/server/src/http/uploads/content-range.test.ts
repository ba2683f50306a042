// Ranges of what is still growing: a table of what is asked, and what is said of it.
import type { UploadContent } from "@holdfast/engine";
import { type FileId, isHoldfastError, type UploadId } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { type Mode, wantedContent } from "./content-range.ts";

const NONE = Number.POSITIVE_INFINITY;

/** 100 bytes from 0 are there, and those from 500 to 600. */
function growingTo(size: number | undefined): UploadContent {
  return {
    id: "a" as UploadId,
    name: "a",
    type: "a",
    size,
    sizeMax: size ?? 10_000,
    offset: 100,
    endFrom: (at) => (at < 100 ? 100 : at >= 500 && at < 600 ? 600 : at),
    epoch: 0,
    tag: new Uint8Array(),
    revoked: [],
  };
}

const known = growingTo(1000);
const unknown = growingTo(undefined);
const whole: UploadContent = {
  ...growingTo(1000),
  offset: 1000,
  endFrom: () => 1000,
  file: { id: "f" as FileId, at: 0 },
};

type Row = readonly [
  field: string | undefined,
  start: number,
  end: number,
  size: number | undefined,
  contentRange: string | undefined,
];

const TABLES: readonly (readonly [string, UploadContent, Mode, readonly Row[]])[] = [
  [
    "a snapshot of a known size",
    known,
    "snapshot",
    [
      [undefined, 0, 100, 100, undefined],
      ["bytes=0-", 0, 100, 100, "bytes 0-99/1000"],
      ["bytes=10-19", 10, 20, 10, "bytes 10-19/1000"],
      ["bytes=90-199", 90, 100, 10, "bytes 90-99/1000"],
      ["bytes=550-", 550, 600, 50, "bytes 550-599/1000"],
      ["bytes=5-4", 0, 100, 100, undefined],
    ],
  ],
  [
    "a snapshot of an unknown size",
    unknown,
    "snapshot",
    [
      [undefined, 0, 100, 100, undefined],
      ["bytes=0-", 0, 100, 100, "bytes 0-99/*"],
      ["bytes=10-9007199254740991", 10, 100, 90, "bytes 10-99/*"],
      ["bytes=-30", 70, 100, 30, "bytes 70-99/*"],
    ],
  ],
  [
    "a follower of a known size",
    known,
    "growing",
    [
      [undefined, 0, NONE, undefined, undefined],
      ["bytes=0-", 0, NONE, undefined, undefined],
      ["bytes=700-", 700, NONE, undefined, "bytes 700-999/1000"],
      ["bytes=10-19", 10, 20, 10, "bytes 10-19/1000"],
      ["bytes=300-399", 300, 400, 100, "bytes 300-399/1000"],
      ["bytes=300-5000", 300, NONE, undefined, "bytes 300-999/1000"],
      ["bytes=-30", 970, NONE, undefined, "bytes 970-999/1000"],
    ],
  ],
  [
    "a follower of an unknown size",
    unknown,
    "growing",
    [
      [undefined, 0, NONE, undefined, undefined],
      ["bytes=0-", 0, NONE, undefined, undefined],
      // RFC 8673 section 2.2.
      ["bytes=10-9007199254740991", 10, NONE, undefined, "bytes 10-9007199254740991/*"],
      ["bytes=10-", 10, NONE, undefined, "bytes 10-9007199254740991/*"],
      ["bytes=300-399", 300, 400, undefined, "bytes 300-399/*"],
      ["bytes=-30", 70, NONE, undefined, "bytes 70-9007199254740991/*"],
    ],
  ],
  [
    "a file, followed or not",
    whole,
    "growing",
    [
      [undefined, 0, 1000, 1000, undefined],
      ["bytes=0-", 0, 1000, 1000, "bytes 0-999/1000"],
      ["bytes=-30", 970, 1000, 30, "bytes 970-999/1000"],
    ],
  ],
];

describe.each(TABLES)("%s", (_, content, mode, rows) => {
  it.each(rows)("%s", (field, start, end, size, contentRange) => {
    const wanted = wantedContent(content, field, mode);
    expect(wanted).toEqual({
      ...{ range: { start, end }, size },
      ...(contentRange === undefined ? {} : { contentRange }),
    });
  });
});

describe("what is not there", () => {
  const ROWS: readonly (readonly [string, UploadContent, Mode, object])[] = [
    ["bytes=100-", known, "snapshot", { offset: 100, size: 1000 }],
    ["bytes=-30", known, "snapshot", { offset: 100, size: 1000 }],
    ["bytes=1000-", known, "growing", { offset: 100, size: 1000 }],
    ["bytes=100-", unknown, "snapshot", { offset: 100 }],
    ["bytes=-0", unknown, "snapshot", { offset: 100 }],
    ["bytes=10000-", unknown, "growing", { offset: 100 }],
    ["bytes=1000-", whole, "snapshot", { offset: 1000, size: 1000 }],
  ];
  it.each(ROWS)("%s is refused, and what is there is told", (field, content, mode, details) => {
    const thrown = (() => {
      try {
        return wantedContent(content, field, mode);
      } catch (error) {
        return error;
      }
    })();
    expect(isHoldfastError(thrown) && [thrown.code, thrown.details]).toEqual([
      ...["range_not_satisfiable", details],
    ]);
  });
});
