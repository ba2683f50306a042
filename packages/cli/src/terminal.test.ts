import { expect, it } from "vitest";
import { createTerminal } from "./terminal.ts";

it.each([
  [undefined, true, {}, true],
  ["auto", true, {}, true],
  ["auto", true, { NO_COLOR: "1" }, false],
  ["auto", true, { NO_COLOR: "" }, true],
  ["auto", true, { TERM: "dumb" }, false],
  ["auto", false, {}, false],
  ["always", false, { NO_COLOR: "1" }, true],
  ["never", true, {}, false],
])("color %s on a terminal: %s, with %j, is %s", (color, isTTY, env, hasColor) => {
  const output = { isTTY, write: () => undefined };
  expect(createTerminal(output, env, color).hasColor).toBe(hasColor);
});
