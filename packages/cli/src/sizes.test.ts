import { isHoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { formatDuration, formatElapsed, parseDuration } from "./durations.ts";
import { formatRate, formatSize, parseRate, parseSize } from "./sizes.ts";

function usage(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isHoldfastError(error)) return error.code;
  }
  return "nothing";
}

describe("sizes and rates", () => {
  it.each([
    ["0", 0],
    ["1", 1],
    ["17B", 17],
    ["500K", 512_000],
    ["500k", 512_000],
    ["2M", 2_097_152],
    ["2 MiB", 2_097_152],
    ["2MB", 2_000_000],
    ["1.5G", 1_610_612_736],
    ["1.5GiB", 1_610_612_736],
    ["1T", 1_099_511_627_776],
  ])("reads %s", (text, size) => {
    expect(parseSize(text)).toBe(size);
  });

  it.each(["", "K", "-1", "1.", ".5M", "1e9", "2X", "2 M B", "1,5M", "9999999T", "Infinity", "٣M"])(
    "refuses %j as a size",
    (text) => {
      expect(usage(() => parseSize(text))).toBe("usage");
    },
  );

  it("reads a rate with and without its /s", () => {
    expect(parseRate("2M")).toBe(2_097_152);
    expect(parseRate("1.5MiB/s")).toBe(1_572_864);
    expect(parseRate("1K")).toBe(1024);
  });

  it.each(["0", "1023", "K/s", "2M/h"])("refuses %j as a rate", (text) => {
    expect(usage(() => parseRate(text))).toBe("usage");
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1_048_575, "1.00 MiB"],
    [10_239, "10.0 KiB"],
    [12_900_000, "12.3 MiB"],
    [1_073_741_824, "1.00 GiB"],
    [2 ** 53, "8.00 PiB"],
  ])("shows %d as %s", (size, text) => {
    expect(formatSize(size)).toBe(text);
  });

  it("shows a rate", () => {
    expect(formatRate(52_428_800)).toBe("50.0 MiB/s");
  });
});

describe("durations", () => {
  it.each([
    ["90", 90_000],
    ["90s", 90_000],
    ["15m", 900_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["2d", 172_800_000],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "m", "-1s", "1y", "1h 30m", "forever"])("refuses %j", (text) => {
    expect(usage(() => parseDuration(text))).toBe("usage");
  });

  it.each([
    [0, "0 s"],
    [59_499, "59 s"],
    [59_500, "1 min 00 s"],
    [65_000, "1 min 05 s"],
    [7_380_000, "2 h 03 min"],
    [273_600_000, "3 d 04 h"],
  ])("shows %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("shows tenths of seconds of what was short", () => {
    expect([430, 9_949, 9_950].map(formatElapsed)).toEqual(["0.4 s", "9.9 s", "10 s"]);
  });
});
