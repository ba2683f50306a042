import { describe, expect, it } from "vitest";
import { createBuffers, memoryOf } from "./buffers.ts";

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

  it("have the kind of memory that is asked for, and no more of it", () => {
    expect(createBuffers(() => "pages").take(10)).toHaveLength(10);
    expect(memoryOf("pages", 10)).toMatchObject({ byteLength: 10, resizable: true });
    expect(memoryOf("any", 10)).toMatchObject({ byteLength: 10, resizable: false });
  });
});
