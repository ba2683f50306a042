// Bodies that break again and again while the server answers everything else: something on the way may refuse them for their size, and nobody hears it say so.
// To a page that comes from elsewhere, a proxy's 413 is a connection that failed; other proxies just cut.
import { countParts, type HoldfastError, PART_SIZE_STEP } from "@holdfast/protocol";
import type { Flight } from "./schedule.ts";
import type { Effect, Live } from "./state.ts";

/** So many in a row, with a status between each and the next that knows nothing new. */
const BREAKS_MAX = 4;

type Remedy =
  | "none"
  /** One part a request from now on. */
  | "shorter runs"
  /** A new upload with smaller parts: of this one nothing is committed. */
  | "smaller parts"
  /** There is nothing smaller: a person may know what stands in between. */
  | "tell";

interface Unheard {
  /** How many there are in a row now. */
  readonly breaks: number;
  readonly remedy: Remedy;
}

export const HEARD: Unheard = { breaks: 0, remedy: "none" };

export const UNHEARD: Effect = {
  type: "notice",
  code: "request_too_large",
  detail:
    "the server answers, but no part gets through to it: something on the way may refuse requests as large as that, or cut them (nginx: client_max_body_size)",
};

/** What a run that broke means. Other troubles than a broken connection say nothing of the length of a body, and a server that refuses connections takes none. */
export function unheard(live: Live, flight: Flight, { code, details }: HoldfastError): Unheard {
  const isBreak = code === "connection_failed" && details["refused"] !== true;
  // A download has no bodies: nobody can be asked what came of them.
  if (!isBreak || live.settings.canAsk !== true) return { breaks: live.breaks, remedy: "none" };
  const breaks = live.breaks + 1;
  if (breaks !== BREAKS_MAX) return { breaks, remedy: "none" };
  const [start, end] = flight.range;
  // Whether that helps, it takes as many again to say.
  if (end - start > 1) return { breaks: 0, remedy: "shorter runs" };
  return { breaks, remedy: mayShrink(live) ? "smaller parts" : "tell" };
}

function mayShrink({ plan, partSizeMax }: Live): boolean {
  if (!plan || partSizeMax !== undefined) return false;
  const { grid, committed, offset = 0, runPartsMax } = plan;
  // Straight to a store, each part has a request of its own, and that way has other ways out.
  const isThrough = runPartsMax > 1;
  return isThrough && grid.partSize > PART_SIZE_STEP && countParts(committed) === 0 && offset === 0;
}
