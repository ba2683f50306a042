// A Chromium without a screen, driven from here: a profile of its own, nothing of anybody's.

import { chromiumProgram } from "@holdfast/testkit/services/install";
import { type Browser, chromium } from "playwright-core";

export interface ChromiumOptions {
  /** Stand for this machine, as names of a network do that has no certificates. */
  readonly names?: readonly string[];
  /** Pages that are left are kept, to be shown again: as people's browsers do it, while those that are driven do not. */
  readonly keepsPages?: true;
}

export async function startChromium(options: ChromiumOptions = {}): Promise<Browser> {
  const { names = [], keepsPages } = options;
  const rules = names.map((name) => `MAP ${name} 127.0.0.1`);
  return chromium.launch({
    args: rules.length > 0 ? [`--host-resolver-rules=${rules.join(", ")}`] : [],
    ...(keepsPages ? { ignoreDefaultArgs: ["--disable-back-forward-cache"] } : {}),
    executablePath: await chromiumProgram(),
    // Its sandbox refuses root; what it opens here is ours.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}
