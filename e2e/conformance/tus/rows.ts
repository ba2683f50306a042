// The rows of tus 1.0, in the order of its checklist.
import type { Row } from "../row.ts";
import { BOUNDS } from "./bounds.ts";
import { BROWSERS } from "./browsers.ts";
import { CHECKSUM } from "./checksum.ts";
import { CONCATENATION } from "./concatenation.ts";
import { CORE } from "./core.ts";
import { CREATION } from "./creation.ts";
import { DEFERRED } from "./deferred.ts";
import { ENDINGS } from "./endings.ts";
import { METADATA } from "./metadata.ts";
import { WITH_FIRST_BYTES } from "./with-upload.ts";

export const TUS_ROWS: readonly Row[] = [
  ...CORE,
  ...BOUNDS,
  ...CREATION,
  ...METADATA,
  ...DEFERRED,
  ...WITH_FIRST_BYTES,
  ...ENDINGS,
  ...CHECKSUM,
  ...CONCATENATION,
  ...BROWSERS,
];
