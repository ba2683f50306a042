// A page of ours in a real browser: what is chosen in it, and what it has seen.
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";

export interface Seen {
  /** Name of the file. */
  readonly file: string;
  /** Name of the event. */
  readonly name: string;
  readonly value: unknown;
}

/** `origin` serves `holdfast`. The test's own limit is the only one. */
export async function openPage(
  browser: Browser,
  origin: string,
  { to, options = {} }: { readonly to: string; readonly options?: object },
): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const query = new URLSearchParams({ to, options: JSON.stringify(options) });
  await page.goto(`${origin}/holdfast?${query}`);
  return page;
}

/** Resolves with the addresses of the files, by their names, once the page says that so many are there. */
export async function untilDone(page: Page, files = 1): Promise<ReadonlyMap<string, string>> {
  await untilEnded(page, files);
  const failed = await page.evaluate<readonly string[]>("window.failures");
  expect(failed).toEqual([]);
  return new Map(await page.evaluate<readonly [string, string][]>("[...window.done]"));
}

/** Looks at the page only: a strict policy lets nobody evaluate in it again and again. */
function untilEnded(page: Page, files: number): Promise<void> {
  return page.locator(`body[data-ended="${files}"]`).waitFor({ state: "attached" });
}

/** Resolves with what the page says of the one that failed, once so many have ended. */
export async function untilFailed(page: Page, ended = 1): Promise<string> {
  await untilEnded(page, ended);
  return (await page.evaluate<readonly string[]>("window.failures"))[0] ?? "none";
}

/** What the page has seen of a kind, in order. */
export async function seenBy(page: Page, name: string): Promise<readonly unknown[]> {
  const seen = await page.evaluate<readonly Seen[]>("window.seen");
  return seen.filter((one) => one.name === name).map(({ value }) => value);
}
