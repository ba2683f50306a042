// The points of Resumable Uploads for HTTP that the rows try, in the order of the draft.
import type { Point } from "../checklist.ts";

export const RUFH_POINTS: readonly Point[] = [
  { id: "R1", about: "structured fields, and fields of a wrong type" },
  {
    id: "R2",
    about: "Upload-Limit",
    unseen: "that limits do not tighten later than a run lasts",
  },
  {
    id: "R3",
    about: "creation: with all, some, none of the bytes",
    unseen:
      "other methods than POST, and other resources: which of them create is each server's to say",
  },
  { id: "R4", about: "Upload-Length, and lengths that differ" },
  { id: "R5", about: "104 of a creation" },
  { id: "R6", about: "the answer to a creation that goes on" },
  { id: "R7", about: "104 with an offset, and 100 Continue" },
  { id: "R8", about: "asking for the offset" },
  { id: "R9", about: "appending, and another offset" },
  { id: "R10", about: "the last append" },
  { id: "R11", about: "appends to what is complete" },
  { id: "R12", about: "bytes beyond the length, or beyond max-size" },
  {
    id: "R13",
    about: "an offset that was told is a promise",
    unseen: "that it outlives the server: that takes killing it",
  },
  { id: "R14", about: "two requests at once" },
  { id: "R15", about: "DELETE" },
  { id: "R16", about: "OPTIONS" },
  { id: "R17", about: "413 with Upload-Limit" },
  { id: "R18", about: "digests" },
  { id: "R19", about: "content codings, transfer codings, Incremental" },
  {
    id: "R20",
    about: "security considerations",
    unseen: "rights that are asked for again at the end: that takes withdrawing a token meanwhile",
  },
  { id: "Q2", about: "pages of another origin" },
];
