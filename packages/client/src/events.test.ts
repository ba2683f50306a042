import { describe, expect, it, vi } from "vitest";
import { createEmitter } from "./events.ts";

describe("an emitter", () => {
  it("tells every listener, until it is taken off", () => {
    const { on, emit } = createEmitter();
    const heard: number[] = [];
    const off = on("part", ({ index }) => heard.push(index));
    on("part", ({ index }) => heard.push(-index));
    emit("part", { index: 1 });
    off();
    emit("part", { index: 2 });
    expect(heard).toEqual([1, -1, -2]);
  });

  it("is not stopped by a listener that throws, and does not hide it", () => {
    const { on, emit } = createEmitter();
    const heard: number[] = [];
    const later = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => {
      expect(task).toThrow("mine");
    });
    on("part", () => {
      throw new Error("mine");
    });
    on("part", ({ index }) => heard.push(index));
    emit("part", { index: 1 });
    expect(heard).toEqual([1]);
    expect(later).toHaveBeenCalledOnce();
    later.mockRestore();
  });
});
