// Of thousands of uploads that another tab begins, a page is told without the list being read thousands of times.
import { expect, test } from "vitest";
import { createTellOthers } from "./tell-others.ts";

test("tells each of them once, by few looks, and none that this tab is at", async () => {
  const began: { readonly key: string }[] = [];
  const told: string[] = [];
  let looks = 0;
  const list = async () => {
    looks++;
    return [...began];
  };
  const note = createTellOthers(
    list,
    (key) => key === "own",
    ({ key }) => told.push(key),
  );
  const notes: Promise<void>[] = [];
  for (const key of ["own", ...Array.from({ length: 1000 }, (_, at) => `${at}`)]) {
    began.push({ key });
    notes.push(note(key));
  }
  await Promise.all(notes);
  expect(told.length).toBe(1000);
  expect(told).not.toContain("own");
  expect(looks).toBe(2);
});

test("goes on after a list that could not be read", async () => {
  const told: string[] = [];
  let isBroken = true;
  const note = createTellOthers(
    async () => {
      if (isBroken) throw new Error("the storage does not answer");
      return [{ key: "a" }];
    },
    () => false,
    ({ key }) => told.push(key),
  );
  await note("a");
  isBroken = false;
  await note("a");
  expect(told).toEqual(["a"]);
});
