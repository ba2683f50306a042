// What memory was read from is sent from there, and nothing else is.
import { expect, test } from "vitest";
import { createOrigins } from "./origins.ts";

const blob = new Blob([Uint8Array.from({ length: 100 }, (_, at) => at)]);

test("finds the bytes of a view, wherever in the memory they are", async () => {
  const { note, find } = createOrigins();
  const memory = new Uint8Array(64);
  note(memory.subarray(8, 40), blob, 50);
  const found = find(memory.subarray(10, 20));
  const bytes = new Uint8Array((await found?.arrayBuffer()) ?? new ArrayBuffer(0));
  expect([...bytes]).toEqual([52, 53, 54, 55, 56, 57, 58, 59, 60, 61]);
});

test("knows nothing of other memory, nor of what lies around what was read", () => {
  const { note, find } = createOrigins();
  const memory = new Uint8Array(64);
  note(memory.subarray(8, 40), blob, 50);
  expect(find(new Uint8Array(8))).toBeUndefined();
  expect(find(memory.subarray(7, 20))).toBeUndefined();
  expect(find(memory.subarray(30, 41))).toBeUndefined();
});

test("goes by what was read last", async () => {
  const { note, find } = createOrigins();
  const memory = new Uint8Array(4);
  note(memory, blob, 0);
  note(memory, new Blob(["abcd"]), 0);
  expect(await find(memory)?.text()).toBe("abcd");
});
