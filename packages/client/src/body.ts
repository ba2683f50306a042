// What a request sends: memory, or what a browser reads by itself.
import type { Body } from "./ports.ts";

/** In bytes. */
export function sizeOf(body: Body): number {
  return "size" in body ? body.size : body.reduce((size, view) => size + view.length, 0);
}

/** The rest of it, from this byte on. */
export function bodyFrom(body: Body, at: number): Body {
  if ("size" in body) return body.slice(at);
  let left = at;
  return body.map((view) => {
    const rest = view.subarray(left);
    left = Math.max(0, left - view.length);
    return rest;
  });
}
