// The body of who claims without bringing bytes.
import type { Body } from "./ports.ts";

/** It has ended before it began: whoever waits for its claim waits for what is under way. */
export function createNoBody(): Body {
  return {
    isExact: true,
    ready: async () => false,
    fill: async () => 0,
    interrupt: () => undefined,
    lastByteAt: () => Number.NEGATIVE_INFINITY,
    stop: () => undefined,
    stopped: () => undefined,
  };
}
