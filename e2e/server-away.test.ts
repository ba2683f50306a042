// The server is away for five seconds; `npm run soak` does a minute.
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { measureAway } from "./kit/server-away.ts";

it("goes on within two seconds of the server's return", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const report = await measureAway(directory, 5_000, 12);
    expect(report.wrongByteAt).toBeUndefined();
    expect(report.resumedAfterMs).toBeLessThan(2_000);
  }),
);
