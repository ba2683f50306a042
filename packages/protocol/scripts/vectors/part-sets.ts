// Vectors of part sets: the order of bits, and the two forms on the wire.
import { addPart, createPartSet, encodeCommitted } from "../../src/index.ts";

function every(step: number, below: number): number[] {
  return Array.from({ length: Math.ceil(below / step) }, (_, at) => at * step);
}

function wireOf(partCount: number, parts: readonly number[]): object {
  const set = createPartSet(partCount);
  for (const index of parts) addPart(set, index);
  return encodeCommitted(set);
}

const small = [
  { partCount: 0, parts: [], bitmap: "", committed: { count: 0, ranges: [] }, contiguous: 0 },
  { partCount: 1, parts: [], bitmap: "00", committed: { count: 0, ranges: [] }, contiguous: 0 },
  {
    partCount: 1,
    parts: [0],
    bitmap: "01",
    committed: { count: 1, ranges: [[0, 1]] },
    contiguous: 1,
  },
  {
    partCount: 10,
    parts: [0, 1, 3, 8, 9],
    bitmap: "0b03",
    committed: {
      count: 5,
      ranges: [
        [0, 2],
        [3, 4],
        [8, 10],
      ],
    },
    contiguous: 2,
  },
  {
    partCount: 17,
    parts: [7, 8, 16],
    bitmap: "800101",
    committed: {
      count: 3,
      ranges: [
        [7, 9],
        [16, 17],
      ],
    },
    contiguous: 0,
  },
];

/** Every other part is a range of its own, so the number of parts is the number of ranges. */
const border = [
  { partCount: 2000, step: 2, committed: wireOf(2000, every(2, 2000)), contiguous: 1 },
  { partCount: 2001, step: 2, committed: wireOf(2001, every(2, 2001)), contiguous: 1 },
  {
    partCount: 100_000,
    step: 1,
    committed: { count: 100_000, ranges: [[0, 100_000]] },
    contiguous: 100_000,
  },
];

/** What no server may say of an upload. */
const bad = [
  { partCount: 10, committed: "null", why: "not an object" },
  { partCount: 10, committed: '{"count":0}', why: "neither form" },
  { partCount: 10, committed: '{"ranges":[]}', why: "no count" },
  { partCount: 10, committed: '{"count":2,"ranges":[[0,1]]}', why: "another count" },
  { partCount: 10, committed: '{"count":1,"ranges":[[10,11]]}', why: "beyond the grid" },
  { partCount: 10, committed: '{"count":1,"ranges":[[-1,0]]}', why: "negative" },
  { partCount: 10, committed: '{"count":0,"ranges":[[3,3]]}', why: "an empty range" },
  { partCount: 10, committed: '{"count":0,"ranges":[[4,3]]}', why: "a range backwards" },
  { partCount: 10, committed: '{"count":2,"ranges":[[4,5],[1,2]]}', why: "out of order" },
  { partCount: 10, committed: '{"count":3,"ranges":[[1,3],[2,4]]}', why: "overlapping" },
  { partCount: 10, committed: '{"count":2,"ranges":[[1,2],[2,3]]}', why: "no gap between ranges" },
  { partCount: 10, committed: '{"count":1,"ranges":[[0.5,1]]}', why: "not whole" },
  { partCount: 10, committed: '{"count":1,"ranges":[["0","1"]]}', why: "texts" },
  { partCount: 10, committed: '{"count":1,"ranges":[[0,1,2]]}', why: "three numbers" },
  { partCount: 10, committed: '{"count":1,"ranges":{"0":[0,1]}}', why: "not a list" },
  { partCount: 10, committed: '{"count":1,"bitmap":"AQ=="}', why: "one byte for 10 parts" },
  { partCount: 10, committed: '{"count":1,"bitmap":"AQAA"}', why: "three bytes for 10 parts" },
  { partCount: 10, committed: '{"count":2,"bitmap":"AQQ="}', why: "a bit beyond the grid" },
  { partCount: 10, committed: '{"count":1,"bitmap":"AQA"}', why: "no padding" },
  { partCount: 10, committed: '{"count":1,"bitmap":"AQA=","ranges":[[0,1]]}', why: "both forms" },
  { partCount: 1_000_001, committed: '{"count":0,"ranges":[]}', why: "more parts than are read" },
];

export const partSets: object = {
  about:
    "Part i is bit i % 8, from the least significant, of byte i / 8 (bitmap: hex). Either `parts` lists the parts or every `step`-th one from 0 on is there. `committed` is the form on the wire: ranges up to 1,000, else a base64 bitmap. In bad it is JSON text.",
  good: [...small, ...border],
  bad,
};
