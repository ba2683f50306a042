// What every file of this storage works with.
import type { Home } from "@holdfast/engine";
import type { S3Calls } from "./calls.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Marks } from "./location.ts";
import type { Keys } from "./place.ts";
import type { Patience } from "./retry.ts";

export interface Stage extends Patience {
  readonly calls: S3Calls;
  readonly keys: Keys;
  readonly capabilities: Capabilities;
  /** What every object of ours carries. */
  readonly marks: Marks;
  /** Its name, where it is one of several. */
  readonly home?: Home | undefined;
}
