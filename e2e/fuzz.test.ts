// A few thousand malformed requests: the same that `npm run fuzz` sends a hundred thousand of.

import { createRandom } from "@holdfast/testkit/random";
import { describe, expect, it } from "vitest";
import { makeCase } from "./fuzz/mutate.ts";
import { fuzz } from "./fuzz/run.ts";
import { withScratch } from "./kit/scratch.ts";

describe("malformed requests", () => {
  it("neither stop the server nor make it answer with a 5xx", async () => {
    const report = await withScratch((directory) => fuzz(directory, { seed: "e2e", count: 3000 }));
    expect(report.complaints).toEqual([]);
    expect(report.errors).toEqual([]);
    // What is spoilt a little only is refused in words: else the rest of the server is never reached.
    for (const status of ["200", "400", "401", "404", "405"]) {
      expect([status, (report.statuses.get(status) ?? 0) > 10]).toEqual([status, true]);
    }
  });

  it("are the same for the same seed", () => {
    const template = {
      method: "GET",
      target: "/v1/files",
      version: "HTTP/1.1",
      headers: [],
      body: new Uint8Array(9),
    };
    const [one, two, other] = ["a", "a", "b"].map((seed) =>
      makeCase([template], createRandom(seed)),
    );
    expect(one).toEqual(two);
    expect(one).not.toEqual(other);
  });
});
