// What a person reads where parts cannot go straight to the store: what happens instead, or what to do.
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { run } from "../kit/cli.ts";
import { startDirect } from "../kit/direct.ts";
import { withScratch } from "../kit/scratch.ts";
import { writeContent } from "../kit/source.ts";

it("says that parts go through the server, or why they cannot go the only way that they may", () =>
  withScratch(async (directory) => {
    const direct = await startDirect(directory);
    const path = join(directory, "source");
    await writeContent(path, { seed: 3, size: 20 * MIB });
    const refuse = (times: number) =>
      direct.double.fault({
        ...{ operation: "part", times },
        fault: { kind: "refuse", status: 403, code: "AccessDenied" },
      });
    const words = ["upload", path, "--to", direct.server.url];

    refuse(1000);
    const only = await run(directory, [...words, "--transfer", "direct"]);
    expect(only.code).not.toBe(0);
    expect(only.stderr).toContain("the store answered with status 403 (AccessDenied)");
    expect(only.stderr).toContain("it must be reachable from here");

    direct.double.clearFaults();
    // One of three parts finds it out: three times it is signed for in vain.
    refuse(9);
    const auto = await run(directory, [...words, "--transfer", "auto"]);
    expect(auto.stderr).toContain("parts cannot go straight to the store, so they go through");
    expect(auto.code).toBe(0);
    await direct.close();
  }));
