import { describe, expect, it } from "vitest";
import { createBuffers } from "./buffers.ts";

describe("buffers", () => {
  it("are used again only after they were given back", () => {
    const buffers = createBuffers();
    const one = buffers.take(100);
    const two = buffers.take(100);
    expect(two.buffer).not.toBe(one.buffer);
    buffers.give(one);
    const three = buffers.take(80);
    expect(three.buffer).toBe(one.buffer);
    expect(three.length).toBe(80);
    expect(buffers.take(100).buffer).not.toBe(one.buffer);
  });

  it("that are too small make way for larger ones", () => {
    const buffers = createBuffers();
    const small = buffers.take(10);
    buffers.give(small);
    expect(buffers.take(20).length).toBe(20);
    expect(buffers.take(10).buffer).not.toBe(small.buffer);
  });
});
