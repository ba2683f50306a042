// Who has a whole file, and who lets go of it.
import { expect, it } from "vitest";
import { createKeeping } from "./keeping.ts";

it("lets go of what it is only about to have", async () => {
  const keeping = createKeeping(navigator.locks);
  const having = keeping.keep("about to");
  await keeping.letGo("about to");
  await having;
  expect(await keeping.isKept("about to")).toBe(false);
});
