// The rows of ranges against nginx, which is known to fail some of them: where that list changes, either it or a row has changed.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Peer, startNginxFile } from "../conformance/peers.ts";
import { RANGES_ROWS } from "../conformance/ranges/rows.ts";
import type { Verdict } from "../conformance/run.ts";
import { runSuite, SUITES } from "../conformance/suite.ts";

/** Of nginx as it serves a file; docs/compare.md has what was seen. */
const FAILS: readonly string[] = [];

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
