// The rows of ranges against nginx, which is known to fail some of them: where that list changes, either it or a row has changed.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Peer, startNginxFile } from "../conformance/peers.ts";
import { RANGES_ROWS } from "../conformance/ranges/rows.ts";
import type { Verdict } from "../conformance/run.ts";
import { runSuite, SUITES } from "../conformance/suite.ts";

/** Of nginx as it serves a file; docs/compare.md has what was seen. */
const FAILS = [
  "D2h", // Numbers of many digits are 416.
  "D2k", // Empty members of a list are 416.
  "D2n", // HEAD with a range is 206.
  "D3g", // Spaces within a range are passed over.
  "D4e", // Empty members again.
  "D4h", // An end before its start is passed over where another range can be read.
  "D6i", // What is no date in If-Unmodified-Since is 412.
  "D7h", // A later date in If-Modified-Since is 200 (`if_modified_since exact`).
  "D8a", // If-Unmodified-Since is looked at beside If-Match.
  "D8b", // If-Modified-Since is looked at beside If-None-Match.
];

let peer: Peer | undefined;

beforeAll(async () => {
  peer = await startNginxFile();
});
afterAll(() => peer?.stop());

test("nginx fails these rows of ranges and no others, and offers no digests", async () => {
  const suite = SUITES.find(({ name }) => name === "ranges");
  if (!suite || !peer) throw new Error("no suite or no server");
  const results = await runSuite(suite, peer.url);
  const idsOf = (kind: Verdict["kind"]) =>
    results.filter(({ verdict }) => verdict.kind === kind).map(({ row }) => row.id);
  expect(idsOf("failed")).toEqual(FAILS);
  expect(idsOf("notOffered")).toEqual(["D9a", "D9b", "D9c"]);
  expect(results).toHaveLength(RANGES_ROWS.length);
});
