// A Chromium without a screen, driven from here: a profile of its own, nothing of anybody's.

import { chromiumProgram } from "@holdfast/testkit/services/install";
import { type Browser, chromium } from "playwright-core";

export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await chromiumProgram(),
    // Its sandbox refuses root; what it opens here is ours.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}
