// The points of downloads by ranges that the rows try.
import type { Point } from "../checklist.ts";

export const RANGES_POINTS: readonly Point[] = [
  { id: "D1", about: "what HEAD and a whole answer tell of the file" },
  { id: "D2", about: "one range" },
  { id: "D3", about: "ranges that lie outside, and what is no range" },
  {
    id: "D4",
    about: "several ranges",
    unseen: "what memory and time a thousand ranges cost the server",
  },
  {
    id: "D5",
    about: "If-Range",
    unseen: "a file that changes between two requests: the suite only reads",
  },
  { id: "D6", about: "If-Match and If-Unmodified-Since" },
  { id: "D7", about: "If-None-Match and If-Modified-Since" },
  { id: "D8", about: "the order of preconditions" },
  { id: "D9", about: "digests that are asked for" },
];
