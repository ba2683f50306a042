// A way to bring bytes of an upload: what each protocol does in its turn.
import type { MixedJob } from "./job.ts";
import type { CutKind } from "./talk.ts";

/** `none`: it ends where it should. `digest`: cut in peace, where a digest covers all of its body. */
export type Ending = CutKind | "none" | "digest";

/** Where the offset is after it, in bytes. */
export interface Brought {
  readonly least: number;
  readonly most?: number;
}

export interface Way {
  readonly name: string;
  /** Brings what is missing before `to`, and ends there. */
  bring(job: MixedJob, to: number, ending: Ending): Promise<Brought>;
  /** Brings all that is missing, and makes it a file. */
  finish(job: MixedJob): Promise<void>;
}
