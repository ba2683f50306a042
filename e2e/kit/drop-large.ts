// A file beyond 4 GiB dropped on a page of ours: whoever counts in 32 bits on the way sends or keeps other bytes than these.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { openBrowserPlace } from "./browser-place.ts";
import { startChromium } from "./chromium.ts";
import { dropOn, openDropPage } from "./drop-files.ts";
import { ask } from "./wire.ts";

const BORDER = 2 ** 32;
/** Nothing lies between these: the rest of the file is a hole. */
const MARKS: readonly number[] = [0, BORDER / 2 - 8, BORDER - 8, BORDER + 8, BORDER + 5 * MIB];
const SIZE: number = BORDER + 5 * MIB + 16;

export interface LargeReport {
  readonly size: number;
  readonly seconds: number;
  readonly code: string | undefined;
  /** Offsets at which the server has something else. */
  readonly wrong: readonly number[];
}

export async function dropLarge(): Promise<LargeReport> {
  const place = await openBrowserPlace(["drop"]);
  try {
    const path = join(place.directory, "large.bin");
    const file = await open(path, "w");
    await file.truncate(SIZE);
    for (const at of MARKS) await file.write(Buffer.from(markAt(at)), 0, 16, at);
    await file.close();
    const browser = await startChromium();
    place.keep(() => browser.close());
    const page = await openDropPage(browser, place);
    const begin = performance.now();
    const [ended] = await dropOn(page, path);
    const seconds = (performance.now() - begin) / 1000;
    const wrong: number[] = [];
    for (const at of MARKS) {
      const headers = { range: `bytes=${at}-${at + 15}` };
      const reply = await ask(place.url, {
        method: "GET",
        path: `/v1/files/${ended?.id}`,
        headers,
      });
      if (reply.status !== 206 || reply.text !== markAt(at)) wrong.push(at);
    }
    return { size: SIZE, seconds, code: ended?.code, wrong };
  } finally {
    await place.close();
  }
}

/** 16 bytes. */
function markAt(at: number): string {
  return `at ${at}`.padEnd(16, ".");
}
