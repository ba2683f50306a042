// What was found out about a store.
import type { Explanation } from "./explain.ts";

/** One thing that was looked at. */
export interface Finding extends Explanation {
  readonly what:
    | "tls"
    | "access"
    | "checksums"
    | "write"
    | "digests"
    | "listing"
    | "parts"
    | "signed"
    | "unfinished"
    | "read"
    | "once"
    | "remove"
    | "cors"
    | "lifecycle";
  /** `no`: uploads would not work. `limited`: they work, without something. */
  readonly state: "yes" | "limited" | "no";
  /** What follows from it; said of what is not as it should be. */
  readonly means?: string;
}

export function yes(what: Finding["what"], says: string): Finding {
  return { what, state: "yes", says };
}

const UNUSABLE = "Uploads cannot work.";

export function no(what: Finding["what"], why: Explanation, means: string = UNUSABLE): Finding {
  return { what, state: "no", ...why, means };
}

export function limited(what: Finding["what"], why: Explanation, means: string): Finding {
  return { what, state: "limited", ...why, means };
}
