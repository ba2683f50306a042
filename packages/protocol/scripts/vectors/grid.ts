// Vectors of grids: the part size a server chooses, where parts lie, what is outside.
import { MIB } from "./hash.ts";

const KIB = 1024;
const GIB = 1024 * MIB;
const SIZE_MAX = Number.MAX_SAFE_INTEGER;

const limits = {
  disk: { partSizeMin: 256 * KIB, partSizeMax: 4 * GIB, partCountMax: 100_000, sizeMax: SIZE_MAX },
  s3: { partSizeMin: 8 * MIB, partSizeMax: 5 * GIB, partCountMax: 10_000, sizeMax: 48_000 * GIB },
  odd: { partSizeMin: 5 * MIB, partSizeMax: 64 * MIB, partCountMax: 10, sizeMax: 10_000 * MIB },
};

const choose = [
  ["disk", 0, MIB],
  ["disk", 1, MIB],
  ["disk", MIB - 1, MIB],
  ["disk", MIB, MIB],
  ["disk", MIB + 1, MIB],
  ["disk", 100_000 * MIB - 1, MIB],
  ["disk", 100_000 * MIB, MIB],
  ["disk", 100_000 * MIB + 1, 2 * MIB],
  ["disk", 200_000 * MIB, 2 * MIB],
  ["disk", 200_000 * MIB + 1, 4 * MIB],
  ["disk", 100_000 * 4 * GIB, 4 * GIB],
  ["s3", 0, 8 * MIB],
  ["s3", 80_000 * MIB, 8 * MIB],
  ["s3", 80_000 * MIB + 1, 16 * MIB],
  ["s3", 40_000 * GIB, 4 * GIB],
  ["odd", 1, 5 * MIB],
  ["odd", 40 * MIB, 5 * MIB],
  ["odd", 40 * MIB + 1, 8 * MIB],
  ["odd", 640 * MIB, 64 * MIB],
].map(([name, size, partSize]) => ({ limits: name, size, partSize }));

const wishes = [
  ["disk", 10 * MIB, 256 * KIB],
  ["disk", 0, 256 * KIB],
  ["disk", 10 * MIB, 768 * KIB],
  ["disk", 1, 4 * GIB],
  ["disk", 25_000 * MIB, 256 * KIB],
  ["s3", 1, 8 * MIB],
].map(([name, size, wish]) => ({ limits: name, size, wish, partSize: wish }));

const refused = [
  { limits: "disk", size: -1, error: "invalid_request", field: "size" },
  { limits: "disk", size: 0.5, error: "invalid_request", field: "size" },
  { limits: "disk", size: 9007199254740992, error: "invalid_request", field: "size" },
  { limits: "disk", size: 100_000 * 4 * GIB + 1, error: "size_too_large" },
  { limits: "disk", size: SIZE_MAX, error: "size_too_large" },
  { limits: "s3", size: 48_000 * GIB + 1, error: "size_too_large" },
  { limits: "s3", size: 40_000 * GIB + 1, error: "size_too_large" },
  { limits: "odd", size: 640 * MIB + 1, error: "size_too_large" },
  ...[0, -1, 1, MIB - 1, 256 * KIB + 1, 128 * KIB, 4 * GIB + 256 * KIB, 0.5].map((wish) => ({
    limits: "disk",
    size: 1,
    wish,
    error: "invalid_request",
    field: "partSize",
  })),
  { limits: "disk", size: 25_000 * MIB + 1, wish: 256 * KIB, error: "invalid_request" },
  { limits: "s3", size: 1, wish: MIB, error: "invalid_request" },
];

/** `parts` are [index, offset, size]. */
const parts = [
  { size: 0, partSize: MIB, partCount: 0, parts: [] },
  { size: 1, partSize: MIB, partCount: 1, parts: [[0, 0, 1]] },
  { size: MIB - 1, partSize: MIB, partCount: 1, parts: [[0, 0, MIB - 1]] },
  { size: MIB, partSize: MIB, partCount: 1, parts: [[0, 0, MIB]] },
  {
    size: MIB + 1,
    partSize: MIB,
    partCount: 2,
    parts: [
      [0, 0, MIB],
      [1, MIB, 1],
    ],
  },
  {
    size: 100_000 * 4 * GIB - 1,
    partSize: 4 * GIB,
    partCount: 100_000,
    parts: [[99_999, 99_999 * 4 * GIB, 4 * GIB - 1]],
  },
];

/** Runs are half-open: the first part is in, the last one is out. */
const runs = [
  { size: 3 * MIB + 5, partSize: MIB, run: [0, 1], runSize: MIB },
  { size: 3 * MIB + 5, partSize: MIB, run: [1, 3], runSize: 2 * MIB },
  { size: 3 * MIB + 5, partSize: MIB, run: [2, 4], runSize: MIB + 5 },
  { size: 3 * MIB + 5, partSize: MIB, run: [3, 4], runSize: 5 },
  { size: 3 * MIB + 5, partSize: MIB, run: [3, 5], error: "part_out_of_range" },
  { size: 3 * MIB, partSize: MIB, run: [3, 4], error: "part_out_of_range" },
  { size: 0, partSize: MIB, run: [0, 1], error: "part_out_of_range" },
];

export const grid: object = {
  about:
    "choose: the part size for a size and, where it stands, a wish, under the named limits. parts: [index, offset, size]. runs: half-open. Sizes in bytes.",
  limits,
  choose: [...choose, ...wishes, ...refused],
  parts,
  runs,
};
