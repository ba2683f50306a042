// The contract of every metadata store, built in or not: one call joins it.
import { describe } from "vitest";
import { describeMetadataAppend } from "./metadata-append.ts";
import { type MetadataBackend, useMetadataBench } from "./metadata-bench.ts";
import { describeMetadataBind } from "./metadata-bind.ts";
import { describeMetadataChanges } from "./metadata-changes.ts";
import { describeMetadataClaims } from "./metadata-claims.ts";
import { describeMetadataEnds } from "./metadata-ends.ts";
import { describeMetadataModel } from "./metadata-model.ts";
import { describeMetadataNotes } from "./metadata-notes.ts";
import { describeMetadataPlaces } from "./metadata-places.ts";
import { describeMetadataWhole } from "./metadata-whole.ts";

/** Each test gets a backend of its own, that must be empty for `counts`, `files` and `due`. */
export function describeMetadataContract(
  name: string,
  createBackend: () => Promise<MetadataBackend>,
): void {
  describe(`metadata store: ${name}`, () => {
    const bench = useMetadataBench(createBackend);
    describeMetadataChanges(bench);
    describeMetadataAppend(bench);
    describeMetadataEnds(bench);
    describeMetadataPlaces(bench);
    describeMetadataBind(bench);
    describeMetadataClaims(bench);
    describeMetadataNotes(bench);
    describeMetadataWhole(bench);
    describeMetadataModel(bench);
  });
}
