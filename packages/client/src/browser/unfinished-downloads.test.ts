// Which downloads a page is told of, and by what it knows them again.
import { expect, it } from "vitest";
import { systemDigester } from "../node/platform.ts";
import { memoryCheckpoints } from "../node/testing/memory-checkpoints.ts";
import { noteDownload } from "../unfinished.ts";
import { identityOf, listDownloads } from "./unfinished-downloads.ts";

const URL_OF = "https://files.example/v1/files/abc?sig=one";
const ROOT = "7".repeat(64);

it("tells of each download of who asks, and whether a tab is at it", async () => {
  const place = { checkpoints: memoryCheckpoints(), digester: systemDigester };
  for (const [key, owner] of [
    ["hers", "ada"],
    ["nobody's", undefined],
  ] as const) {
    const about = { url: URL_OF, path: identityOf(URL_OF, owner), size: 5, root: ROOT };
    await noteDownload(place, key, about);
  }
  await place.checkpoints.save("line", "what a line has taught");
  const common = { url: URL_OF, size: 5, root: ROOT, savedAt: 0 };
  expect(await listDownloads(place)).toEqual([{ ...common, key: "nobody's", isRunning: false }]);
  await place.checkpoints.claim("hers");
  const hers = await listDownloads({ ...place, owner: "ada" });
  expect(hers).toEqual([{ ...common, key: "hers", isRunning: true }]);
});

it("knows a file again whoever signed its address, and by the rest of it", () => {
  const one = identityOf(URL_OF, undefined);
  expect(identityOf(URL_OF.replace("one", "two"), undefined)).toBe(one);
  expect(identityOf(URL_OF.replace("abc", "def"), undefined)).not.toBe(one);
  expect(identityOf(URL_OF, "ada")).not.toBe(one);
});
