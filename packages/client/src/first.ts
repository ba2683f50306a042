// Looks at the first run on a line of which nothing is known: it may have frozen, and alone it would be waited for as long as for anything.
import { doubled, PART_MS_MAX } from "./line.ts";
import { bytesOf } from "./look.ts";
import type { Plan } from "./state.ts";

/** A run that moved may need so many times as long as that pace promised. */
const SLACK = 2;

/** When a second run is to go beside the first, in milliseconds (monotonic); undefined where there is nothing to find out. */
export function doubtAt(plan: Plan): number | undefined {
  const [first] = plan.flights;
  if (first?.begunAt === undefined || doubled(plan.line) === plan.line) return undefined;
  const promisedMs = first.pace === undefined ? 0 : (bytesOf(plan.grid, first) * 1000) / first.pace;
  return first.begunAt + Math.max(PART_MS_MAX, SLACK * promisedMs);
}

/** On a line that is slow the second one costs little; where only the first stands still, it shows that. */
export function doubt(plan: Plan, at: number): Plan {
  return (doubtAt(plan) ?? Infinity) > at ? plan : { ...plan, line: doubled(plan.line) };
}
