// The rows of ranges and preconditions, in the order of their checklist.
import type { Row } from "../row.ts";
import { CONDITIONS } from "./conditions.ts";
import { DIGESTS } from "./digests.ts";
import { SEVERALS } from "./several.ts";
import { SINGLES } from "./single.ts";

export const RANGES_ROWS: readonly Row[] = [...SINGLES, ...SEVERALS, ...CONDITIONS, ...DIGESTS];
