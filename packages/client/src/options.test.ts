import { KIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { settingsOf, type TransferOptions } from "./options.ts";

describe("runs in flight", () => {
  it.each<[TransferOptions, number]>([
    [{}, 12],
    [{ inFlight: 9 }, 9],
    [{ limitRate: 1 }, 1],
    [{ limitRate: 64 * KIB }, 1],
    [{ limitRate: 200 * KIB }, 3],
    [{ limitRate: 64 * KIB * KIB }, 12],
    [{ limitRate: 200 * KIB, inFlight: 2 }, 2],
  ])("of %o are %d at most", (options, expected) => {
    expect(settingsOf(options).inFlight).toBe(expected);
  });
});
