// A Chromium without a screen, driven from here: a profile of its own, nothing of anybody's.

import { chromiumProgram } from "@holdfast/testkit/services/install";
import { type Browser, chromium } from "playwright-core";

/** @param features Of Chromium's own that are off by default. */
export async function startChromium(features: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    args: features.length > 0 ? [`--enable-features=${features.join(",")}`] : [],
    executablePath: await chromiumProgram(),
    // Its sandbox refuses root; what it opens here is ours.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}
