// What downloads leave goes in its time, and nothing else does.
import { expect, it } from "vitest";
import { memoryCheckpoints } from "../node/testing/memory-checkpoints.ts";
import { createKeeping } from "./keeping.ts";
import { sweepDownloads } from "./sweep-downloads.ts";
import { createMemoryFolder } from "./testing/memory-folder.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = 100 * DAY;
const [old, noted, busy, fresh, kept] = ["a", "b", "c", "d", "e"].map((one) => one.repeat(64));

it("removes what is a day old, unless it is noted, or a tab is at it or has it, or it is none of ours", async () => {
  const { folder, files } = createMemoryFolder();
  const checkpoints = memoryCheckpoints();
  const names = [old, noted, busy, fresh, kept].map((key) => `${key}.${"0".repeat(16)}.part`);
  for (const name of [...names, "theirs.part"]) await folder.getFileHandle(name, { create: true });
  for (const [name, file] of files)
    file.lastModified = name.startsWith("d") ? NOW - DAY + 1 : NOW - DAY;
  await checkpoints.save(noted ?? "", "a download");
  await checkpoints.save(`journal ${names[0]}`, "of the old one");
  await checkpoints.claim(busy ?? "");
  const place = { checkpoints, clock: { now: () => NOW }, keeping: createKeeping(navigator.locks) };
  await createKeeping(navigator.locks).keep(names[4] ?? "");
  await sweepDownloads({ folder: async () => folder }, place);
  expect([...files.keys()]).toEqual([...names.slice(1), "theirs.part"]);
  expect((await checkpoints.list()).map(({ key }) => key)).toEqual([noted]);
  expect(await checkpoints.holder(old ?? "")).toBeUndefined();
});
