// A file chosen as a person does it: the page gets the file itself, not a copy of its bytes.
import type { BrowserContext, Page } from "playwright-core";

/** Into the first place of the page that takes files. */
export async function chooseFile(context: BrowserContext, page: Page, path: string): Promise<void> {
  const session = await context.newCDPSession(page);
  const expression = "document.querySelector('input[type=file]')";
  const { result } = await session.send("Runtime.evaluate", { expression });
  const { objectId = "" } = result;
  await session.send("DOM.setFileInputFiles", { files: [path], objectId });
  await session.detach();
}
