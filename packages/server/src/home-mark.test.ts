// Which bucket goes by which name: what is taken up, what is refused, and that a refusal changes nothing.
import { HoldfastError } from "@holdfast/protocol";
import { expect, it } from "vitest";
import { pairHome, requireAllNamed } from "./home-mark.ts";
import type { BucketMark } from "./storage/s3/mark.ts";

interface Given {
  /** What the mark in the bucket says. */
  readonly there?: string;
  /** Where the name was before. */
  readonly known?: string;
  readonly hasBytes?: boolean;
  readonly overtaken?: string;
  /** What another server writes just after we have looked. */
  readonly since?: string;
}

const PLACE = "our-records";

async function pairOf({ there, known, hasBytes = false, overtaken, since }: Given) {
  let mark = there;
  const bucket: BucketMark = {
    async read() {
      const now = mark;
      mark ??= since;
      return now;
    },
    write: async (given) => {
      mark = overtaken ?? given;
    },
    isAlone: async () => !hasBytes,
    look: async () => undefined,
  };
  const list = new Map(known === undefined ? [] : [["eu", known]]);
  const homes = {
    read: async () => list,
    add: async (name: string, where: string) => void list.set(name, where),
  };
  const wants = { name: "eu", bucket, where: "s3://files-eu" };
  const refusal = await pairHome(wants, PLACE, homes, new Map(list)).then(
    () => undefined,
    (error: unknown) => (error instanceof HoldfastError ? error : Promise.reject(error)),
  );
  return { mark, known: list.get("eu"), refusal };
}

const OURS = `${PLACE}/eu`;

it.each([
  ["a new one", {}],
  ["one whose name was lost on the way", { there: OURS }],
  ["one that is known", { there: OURS, known: "s3://files-eu" }],
  ["one that is reached by another address now", { there: OURS, known: "s3://elsewhere" }],
  [
    "one that another server of ours has just named, with its files",
    { hasBytes: true, since: OURS },
  ],
  ["one with files", { there: OURS, known: "s3://files-eu", hasBytes: true }],
])("%s is taken", async (_what, given) => {
  const after = { mark: OURS, known: "s3://files-eu", refusal: undefined };
  expect(await pairOf(given)).toEqual(after);
});

it.each([
  ["of other records", { there: "others" }, /records of another server/],
  ["of another name", { there: `${PLACE}/us` }, /another name than eu/],
  ["that another server takes at once", { overtaken: "others/eu" }, /records of another server/],
  ["in place of the one that was known", { known: "s3://before" }, /eu is s3:\/\/before/],
  ["with files that nobody knows", { hasBytes: true }, /no records are known/],
])("one %s is refused", async (_what, given: Given, message) => {
  const { refusal, mark, known } = await pairOf(given);
  expect(refusal).toMatchObject({ code: "storage_unusable", details: { setting: "storages" } });
  expect(refusal?.message).toMatch(message);
  expect([mark, known]).toEqual([given.there ?? given.overtaken, given.known]);
});

it("a name that files may be under has to be there", () => {
  const known = new Map([["eu", "s3://files-eu"]]);
  requireAllNamed(known, ["us", "eu"]);
  expect(() => requireAllNamed(known, ["us"])).toThrow(/storage eu \(s3:\/\/files-eu\)/);
});
