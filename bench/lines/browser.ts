// Rows: what our client in Chromium makes of the bad lines of the targets, beside tus-js-client in the same Chromium on the same resets.

import { MIB } from "@holdfast/protocol";
import type { Browser } from "playwright-core";
import { startChromium } from "../../e2e/kit/chromium.ts";
import { servePages } from "../../e2e/kit/pages.ts";
import type { Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { type Condition, LINE_A_FREEZES, LINE_A_RESETS, LINE_C } from "./conditions.ts";
import { measureLine } from "./rows.ts";
import { type LineSample, overLine, type Sending, type Sent } from "./send.ts";

const TWICE_MAX = 0.08;

export const browserLineARows = (stage: Stage): Promise<readonly Row[]> =>
  measureInChromium(stage, { ...LINE_A_RESETS, target: { speed: 0.86, twice: TWICE_MAX } });
export const browserFreezeRows = (stage: Stage): Promise<readonly Row[]> =>
  measureInChromium(stage, { ...LINE_A_FREEZES, target: { speed: 0.82, twice: TWICE_MAX } });
export const browserLineCRows = (stage: Stage): Promise<readonly Row[]> =>
  measureInChromium(stage, { ...LINE_C, size: 8 * MIB, target: { twice: TWICE_MAX } });

/** The page is of another origin than either server, as that of an application is. */
async function measureInChromium(stage: Stage, condition: Condition): Promise<readonly Row[]> {
  const pages = await servePages(["line"]);
  const browser = await startChromium();
  const senders = {
    env: { HOLDFAST_SERVE_ORIGINS: pages.origin },
    ours: (sending: Sending) => sendByPage(browser, `${pages.origin}/line`, sending, "sendOurs"),
    theirs: (sending: Sending) => sendByPage(browser, `${pages.origin}/line`, sending, "sendTus"),
  };
  try {
    return await measureLine(stage, { ...condition, name: `Chromium, ${condition.name}` }, senders);
  } finally {
    await browser.close();
    await pages.stop();
  }
}

/** In a context of its own each time: nothing is left of the one before, no connection either. */
function sendByPage(
  browser: Browser,
  address: string,
  sending: Sending,
  how: "sendOurs" | "sendTus",
): Promise<LineSample> {
  return overLine(sending, async ({ url }, patienceMs) => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(address);
      await page.setInputFiles("input[type=file]", sending.path);
      const sent = page
        .evaluate<Sent>(`${how}(${JSON.stringify(url)})`)
        .catch((error: unknown) => unfinished(String(error)));
      return await Promise.race([sent, sleep(patienceMs)]);
    } finally {
      await context.close();
    }
  });
}

function unfinished(why: string): Sent {
  return { isWhole: false, seconds: undefined, told: { why } };
}

function sleep(ms: number): Promise<Sent> {
  const { promise, resolve } = Promise.withResolvers<Sent>();
  setTimeout(() => resolve(unfinished("too slow")), ms).unref();
  return promise;
}
