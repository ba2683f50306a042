// A file dropped as a person does it: the browser gives the page the file itself, and what leads back to it.
import type { Page } from "playwright-core";

/** Into the first such place, near its upper edge. */
export async function dropFile(page: Page, place: string, path: string): Promise<void> {
  const box = await page.locator(place).first().boundingBox();
  if (!box) throw new Error(`there is nothing to drop it in: ${place}`);
  const session = await page.context().newCDPSession(page);
  const at = { x: box.x + box.width / 2, y: box.y + 8 };
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { ...at, type, data });
  await session.detach();
}
