import { expect, test } from "vitest";
import { bodyFrom, sizeOf } from "./body.ts";
import type { Body } from "./ports.ts";

const views = [Uint8Array.of(0, 1, 2), Uint8Array.of(3, 4), Uint8Array.of(5, 6, 7)];

async function bytesOf(body: Body): Promise<readonly number[]> {
  const parts = "size" in body ? [new Uint8Array(await body.arrayBuffer())] : body;
  return parts.flatMap((part) => [...part]);
}

test.each<readonly [string, Body]>([
  ["memory", views],
  ["a Blob", new Blob(views)],
])("%s has a size, and a rest from any byte on", async (_, body) => {
  expect(sizeOf(body)).toBe(8);
  for (let at = 0; at <= 8; at++) {
    const rest = bodyFrom(body, at);
    expect(sizeOf(rest)).toBe(8 - at);
    expect(await bytesOf(rest)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].slice(at));
  }
});
