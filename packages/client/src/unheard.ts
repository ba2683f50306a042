// Bodies that break again and again while the server answers everything else: something on the way may refuse them for their size, and nobody hears it say so.
// To a page that comes from elsewhere, a proxy's 413 is a connection that failed; other proxies just cut.
import { countParts, type HoldfastError, PART_SIZE_STEP } from "@holdfast/protocol";
import { shortestByGuess } from "./longer-runs.ts";
import type { Flight } from "./schedule.ts";
import type { Breaks, Effect, Live, Plan } from "./state.ts";

/** So many in a row, with a status between each and the next that knows nothing new. */
const BREAKS_MAX = 4;

export const NO_BREAKS: Breaks = { times: 0, parts: 0 };

const UNHEARD: Effect = {
  type: "notice",
  code: "request_too_large",
  detail:
    "the server answers, but no part gets through to it: something on the way may refuse requests as large as that, or cut them (nginx: client_max_body_size)",
};

/** With a run that failed. Other troubles than a broken connection say nothing of the length of a body, and a server that refuses connections takes none. */
export function broken(live: Live, { range }: Flight, { code, details }: HoldfastError): Breaks {
  const isBreak = code === "connection_failed" && details["refused"] !== true;
  // A download has no bodies: nobody can be asked what came of them.
  if (!isBreak || live.settings.canAsk !== true) return live.breaks;
  return { times: live.breaks.times + 1, parts: range[1] - range[0] };
}

type Remedy =
  | { readonly kind: "none" }
  /** One part a request, until one is through. */
  | { readonly kind: "shorter runs"; readonly live: Live }
  /** A new upload with smaller parts: of this one nothing is committed. */
  | { readonly kind: "smaller parts"; readonly live: Live }
  /** There is nothing smaller: a person may know what stands in between. */
  | { readonly kind: "tell"; readonly live: Live; readonly effect: Effect };

/** What to do after a status that knows no more than the one before: what a body brought until it broke, only that has told. */
export function remedyOf(live: Live): Remedy {
  const { plan, breaks } = live;
  if (!plan || breaks.times !== BREAKS_MAX) return { kind: "none" };
  if (breaks.parts > 1) {
    // Whether that helps, it takes as many again to say.
    const shorter = { ...plan, line: shortestByGuess(plan.line) };
    return { kind: "shorter runs", live: { ...live, plan: shorter, breaks: NO_BREAKS } };
  }
  if (mayShrink(live, plan))
    return { kind: "smaller parts", live: { ...live, partSizeMax: PART_SIZE_STEP } };
  // Once.
  const told = { ...live, breaks: { ...breaks, times: breaks.times + 1 } };
  return { kind: "tell", live: told, effect: UNHEARD };
}

function mayShrink({ partSizeMax }: Live, plan: Plan): boolean {
  const { grid, committed, offset = 0, runPartsMax } = plan;
  // Straight to a store, each part has a request of its own, and that way has other ways out.
  const isThrough = runPartsMax > 1;
  const isEmpty = countParts(committed) === 0 && offset === 0;
  return partSizeMax === undefined && isThrough && grid.partSize > PART_SIZE_STEP && isEmpty;
}
