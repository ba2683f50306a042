// The rows of Resumable Uploads for HTTP: each clause in each interop version that has it.
import type { Row } from "../row.ts";
import { APPEND } from "./append.ts";
import { CANCELLING } from "./cancelling.ts";
import { rowsOfClauses } from "./clause.ts";
import { COMPLETION } from "./completion.ts";
import { CREATION } from "./creation.ts";
import { DIGESTS } from "./digests.ts";
import { FIELDS } from "./fields.ts";
import { INTERIM } from "./interim.ts";
import { KEPT } from "./kept.ts";
import { LENGTHS } from "./lengths.ts";
import { LIMITS } from "./limits.ts";
import { PAGES } from "./pages.ts";
import { RETRIEVAL } from "./retrieval.ts";
import { SECURITY } from "./security.ts";

export const RUFH_ROWS: readonly Row[] = rowsOfClauses([
  ...FIELDS,
  ...CREATION,
  ...LENGTHS,
  ...LIMITS,
  ...INTERIM,
  ...RETRIEVAL,
  ...APPEND,
  ...COMPLETION,
  ...KEPT,
  ...CANCELLING,
  ...DIGESTS,
  ...SECURITY,
  ...PAGES,
]);
