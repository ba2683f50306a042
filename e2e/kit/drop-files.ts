// Files and folders dropped on a page as a person does it: by the browser's own protocol, so that the page gets what it would get from a file manager.
import type { Browser, Page } from "playwright-core";
import type { BrowserPlace } from "./browser-place.ts";

/** How something that was dropped on the page `drop` ended: it has an id where it is a file on the server, else a code. */
export interface Dropped {
  readonly path: string;
  readonly id?: string;
  readonly code?: string;
  readonly message?: string;
}

/** `more` is how the page goes about it. Whoever opens it says how long anything may take. */
export async function openDropPage(
  browser: Browser,
  { pages, url }: Pick<BrowserPlace, "pages" | "url">,
  more: Readonly<Record<string, string>> = {},
): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`${pages.origin}/drop?${new URLSearchParams({ to: url, ...more })}`);
  return page;
}

/** Absolute paths. Resolves when the page has them. */
export async function dropFiles(page: Page, ...paths: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...paths], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: 50, y: 50, data });
  await session.detach();
}

/** Resolves with how everything ended that was in it. */
export async function dropOn(page: Page, ...paths: readonly string[]): Promise<readonly Dropped[]> {
  await page.locator("body[data-state=ready]").waitFor({ state: "attached" });
  await dropFiles(page, ...paths);
  await page.locator("body[data-state=ended]").waitFor({ state: "attached" });
  return page.evaluate<readonly Dropped[]>("window.ended");
}
