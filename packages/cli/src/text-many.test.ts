import { describe, expect, it } from "vitest";
import { summaryLines } from "./text-many.ts";

const NONE = { skipped: 0, failed: [], untried: 0, skippedBytes: 0, bytesSent: 0 };

describe("the summary of many files", () => {
  it("counts into the rate only what this command has moved", () => {
    const sizes = { bytes: 10_485_760, resumedBytes: 8_388_608 };
    const [line] = summaryLines("Uploaded", {
      ...NONE,
      ...sizes,
      files: 2,
      complete: 2,
      seconds: 2,
    });
    expect(line).toBe(
      "Uploaded 2 of 2 files, 10.0 MiB in 2.0 s, 1.00 MiB/s; 8.00 MiB of them had arrived before.",
    );
  });
});
