// Vectors of byte ranges (RFC 9110 section 14).

const served = [
  { field: "bytes=0-0", size: 10, range: [0, 1] },
  { field: "bytes=0-", size: 10, range: [0, 10] },
  { field: "bytes=3-5", size: 10, range: [3, 6] },
  { field: "bytes=9-9", size: 10, range: [9, 10] },
  { field: "bytes=5-100", size: 10, range: [5, 10] },
  { field: "bytes=0-9007199254740991", size: 10, range: [0, 10] },
  { field: `bytes=0-${"9".repeat(400)}`, size: 10, range: [0, 10] },
  { field: "bytes=-1", size: 10, range: [9, 10] },
  { field: "bytes=-10", size: 10, range: [0, 10] },
  { field: "bytes=-11", size: 10, range: [0, 10] },
  { field: `bytes=-${"9".repeat(400)}`, size: 10, range: [0, 10] },
  { field: "Bytes=0-0", size: 10, range: [0, 1] },
  { field: "bytes= 0-0 ", size: 10, range: [0, 1] },
  { field: "bytes=000-001", size: 10, range: [0, 2] },
];

const unsatisfiable = [
  { field: "bytes=10-", size: 10 },
  { field: "bytes=10-20", size: 10 },
  { field: "bytes=9007199254740993-", size: 10 },
  { field: "bytes=-0", size: 10 },
  { field: "bytes=0-", size: 0 },
  { field: "bytes=0-0", size: 0 },
  { field: "bytes=-0", size: 0 },
].map((vector) => ({ ...vector, range: "unsatisfiable" }));

const whole = [
  ...["", "bytes", "bytes=", "bytes=-", "bytes=--1", "bytes=1--2", "bytes=2-1", "bytes=a-b"],
  ...["bytes=0x0-1", "bytes=+1-2", "bytes=1.0-2", "items=0-1", "bytes 0-1"],
  ...["bytes:0-1", "0-1", "bytes=0-1;q=1", "bytes=0 - 1", "bytes=٠-١", " bytes=0-1"],
].map((field) => ({ field, size: 10, range: "whole" }));

// Of 10 bytes; each range half-open, in the order of the field.
const several = [
  {
    field: "bytes=0-1,3-4",
    ranges: [
      [0, 2],
      [3, 5],
    ],
  },
  {
    field: "bytes=3-4,0-1",
    ranges: [
      [3, 5],
      [0, 2],
    ],
  },
  {
    field: "bytes=0-0,-1",
    ranges: [
      [0, 1],
      [9, 10],
    ],
  },
  {
    field: "bytes=0-1, 3-4 ,\t6-",
    ranges: [
      [0, 2],
      [3, 5],
      [6, 10],
    ],
  },
  {
    field: "bytes=,0-1,,3-4,",
    ranges: [
      [0, 2],
      [3, 5],
    ],
  },
  { field: "bytes=0-1,50-60", ranges: [[0, 2]] },
  { field: "bytes=0-1,2-3", ranges: [[0, 4]] },
  { field: "bytes=0-4,3-6", ranges: [[0, 7]] },
  {
    field: "bytes=8-9,3-6,0-4",
    ranges: [
      [8, 10],
      [0, 7],
    ],
  },
  { field: "bytes=2-3,2-3", ranges: [[2, 4]] },
  { field: "bytes=0-,-1", ranges: [[0, 10]] },
  { field: "bytes=10-,20-30", ranges: "unsatisfiable" },
  { field: "bytes=0-4,1-4,2-4", ranges: "excessive" },
  { field: "bytes=0-,0-,0-", ranges: "excessive" },
  { field: "bytes=0-1,x", ranges: "whole" },
  { field: "bytes=0-1,3-2", ranges: "whole" },
  { field: "bytes=0-1;3-4", ranges: "whole" },
  { field: "bytes=0-1 3-4", ranges: "whole" },
  { field: "bytes=,,", ranges: "whole" },
  { field: "items=0-1,3-4", ranges: "whole" },
].map((vector) => ({ size: 10, ...vector }));

const contentGood = [
  { field: "bytes 0-0/1", range: [0, 1], size: 1 },
  { field: "bytes 0-9/10", range: [0, 10], size: 10 },
  { field: "bytes 5-9/10", range: [5, 10], size: 10 },
  {
    field: "bytes 9007199254740990-9007199254740990/9007199254740991",
    range: [9007199254740990, 9007199254740991],
    size: 9007199254740991,
  },
];

const contentBad = [
  ...["", "bytes", "bytes */10", "bytes 0-9/*", "bytes 0-10/10", "bytes 5-4/10", "bytes 0-9"],
  ...["bytes=0-9/10", "items 0-9/10", "bytes 0-9/10 ", "bytes  0-9/10", "bytes -1-9/10"],
  ...["bytes 0-9/9007199254740992", "bytes 0-9/99999999999999999", "bytes 0-9/1e2", "bytes a-b/c"],
];

export const byteRanges: object = {
  about:
    "range: what a Range field asks of a file of `size` bytes, half-open, or whole (ignored, RFC 9110 lets a server do that), or unsatisfiable (416). ranges: the same for several, where those that touch or overlap are one, in the place of the first; excessive (416) is what a server need not answer. contentRange: what a 206 says it carries; the bad ones must not be believed.",
  range: [
    ...served,
    ...unsatisfiable,
    ...whole,
    {
      field: "bytes=-5",
      size: 0,
      range: "whole",
      why: "satisfiable by section 14.1.2, but no Content-Range can say it",
    },
  ],
  ranges: several,
  contentRange: {
    good: contentGood,
    bad: contentBad.map((field) => ({ field })),
    unsatisfiable: [{ size: 10, field: "bytes */10" }],
  },
};
