// What browsers answer to reads and writes in place, and what that means.
import { expect, it } from "vitest";
import { systemClock } from "../node/platform.ts";
import { createMemoryFolder, fault } from "./testing/memory-folder.ts";
import { openWorking, type SyncFile, workingFile } from "./working-file.ts";

const BYTES = new Uint8Array(10).fill(7);

function fileThat(answers: Partial<SyncFile>): SyncFile {
  const none = () => {
    throw new Error("nobody asks for that");
  };
  return {
    read: none,
    write: none,
    flush: none,
    truncate: none,
    getSize: none,
    close: none,
    ...answers,
  };
}

it("writes and reads on where a browser stops on the way", () => {
  const store = new Uint8Array(16);
  const file = workingFile(
    fileThat({
      write(bytes, { at }) {
        store.set(bytes.subarray(0, 3), at);
        return Math.min(3, bytes.length);
      },
      read(into, { at }) {
        const there = store.subarray(at, at + Math.min(4, into.length));
        into.set(there);
        return there.length;
      },
    }),
  );
  file.write(5, BYTES);
  const into = new Uint8Array(20);
  expect(file.read(4, into)).toBe(12);
  expect([...into.subarray(0, 12)]).toEqual([0, ...BYTES, 0]);
});

it.each([
  ["no bytes at all", 0, "sink_full"],
  ["its number for no room", 2 ** 32 - 8, "sink_full"],
  ["its number for something else", 2 ** 32 - 1, "sink_failed"],
  ["more bytes than there were", 11, "sink_failed"],
])("takes %s for the error that it is", (_, count, code) => {
  const file = workingFile(fileThat({ write: () => count }));
  expect(() => file.write(0, BYTES)).toThrow(expect.objectContaining({ code }));
});

it.each([
  ["QuotaExceededError", "sink_full"],
  ["NotAllowedError", "sink_denied"],
  ["InvalidStateError", "sink_failed"],
])("tells a %s by its code", (name, code) => {
  const fails = () => {
    throw fault(name);
  };
  const file = workingFile(fileThat({ write: fails, flush: fails }));
  expect(() => file.write(0, BYTES)).toThrow(expect.objectContaining({ code }));
  expect(() => file.flush()).toThrow(expect.objectContaining({ code }));
});

it("takes what cannot be read for not there", () => {
  const negative = workingFile(fileThat({ read: () => 2 ** 32 - 1 }));
  expect(negative.read(0, new Uint8Array(4))).toBe(0);
  expect(workingFile(fileThat({})).read(0, new Uint8Array(4))).toBe(0);
});

it("waits a while for a page that has just gone, and not without end", async () => {
  const { folder, files } = createMemoryFolder();
  const first = await openWorking(folder, "a", systemClock);
  let waits = 0;
  const clock = {
    after(_: number, task: () => void) {
      waits++;
      if (waits === 3) first.close();
      queueMicrotask(task);
      return () => undefined;
    },
  };
  const second = await openWorking(folder, "a", clock);
  expect(waits).toBe(3);
  await expect(openWorking(folder, "a", clock)).rejects.toMatchObject({ code: "sink_failed" });
  second.close();
  expect(files.get("a")?.isOpen).toBe(false);
});
