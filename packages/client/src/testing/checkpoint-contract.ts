// For tests: what every checkpoint store keeps to. It needs no test runner, so that a page in a browser can hold its store to the same.
import { toHoldfastError } from "@holdfast/protocol";
import type { CheckpointStore } from "../ports.ts";

/** Opens the place that is tested once more, as another process or page would. Its clock is the one given, in milliseconds since 1970. */
export type OpenStore = (now?: () => number) => CheckpointStore;

export interface Clause {
  readonly name: string;
  /** The place is empty. Rejects where the clause does not hold. */
  check(open: OpenStore): Promise<void>;
}

/** In milliseconds since 1970: what the clock of a place says where a clause gives none. */
export const TODAY = 1_800_000_000_000;

const DAY_MS: number = 24 * 60 * 60 * 1000;

function require(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}

function requireSame(found: unknown, wanted: unknown, what: string): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  require(one === other, `${what}: ${one} instead of ${other}`);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing",
    (error: unknown) => toHoldfastError(error).code,
  );
}

export const CHECKPOINT_CLAUSES: readonly Clause[] = [
  {
    name: "loads what was saved last, elsewhere too",
    async check(open) {
      const one = open();
      requireSame(await one.load("k"), undefined, "nothing was saved");
      await one.save("k", "first");
      await one.save("k", "second");
      await one.save("other", "third");
      requireSame(await one.load("k"), "second", "in the same place");
      requireSame(await open().load("k"), "second", "elsewhere");
      requireSame(await open().load("other"), "third", "another key");
    },
  },
  {
    name: "removes, and has nothing against there being nothing",
    async check(open) {
      const one = open();
      await one.save("k", "v");
      await one.remove("k");
      await one.remove("k");
      requireSame([await one.load("k"), await open().load("k")], [undefined, undefined], "removed");
    },
  },
  {
    name: "keeps texts as they are, long ones and those of every script",
    async check(open) {
      const texts = ["", "ä 漢字 עברית 🎬👩‍👩‍👧‍👦 \u0000", "x".repeat(1_000_000)];
      const one = open();
      for (const [at, text] of texts.entries()) await one.save(`key ${at}`, text);
      const other = open();
      for (const [at, text] of texts.entries()) {
        require((await other.load(`key ${at}`)) === text, `text ${at} is another`);
      }
    },
  },
  {
    name: "lists everything, the latest last",
    async check(open) {
      let now = TODAY;
      const one = open(() => now++);
      await one.save("b", "1");
      await one.save("a", "2");
      await one.save("b", "3");
      const listed = (await open().list()).map(({ key, value }) => [key, value]);
      requireSame(
        listed,
        [
          ["a", "2"],
          ["b", "3"],
        ],
        "listed",
      );
    },
  },
  {
    name: "shows whoever reads what was saved before, and keeps all of it, each when its promise says so",
    async check(open) {
      const one = open();
      const keys = Array.from({ length: 100 }, (_, at) => `key ${at}`);
      const saves = keys.map((key) => one.save(key, `of ${key}`));
      const gone = one.remove("key 7");
      requireSame(await one.load("key 99"), "of key 99", "while it is saved");
      requireSame(await one.load("key 7"), undefined, "while it is removed");
      const [first] = saves;
      await first;
      requireSame(await open().load("key 0"), "of key 0", "elsewhere, once it is saved");
      await Promise.all([...saves, gone]);
      requireSame((await open().list()).length, 99, "all of them");
    },
  },
  {
    name: "keeps what is on its way when it is closed, and may be used again",
    async check(open) {
      const one = open();
      const last = one.save("last", "value");
      one.close();
      one.close();
      await last;
      requireSame(await open().load("last"), "value", "elsewhere");
      requireSame(await one.load("last"), "value", "in the same place");
    },
  },
  {
    name: "forgets what is older than a month, once it has been for days, and nothing else",
    async check(open) {
      const long = open(() => TODAY - 31 * DAY_MS);
      await long.save("old", "v");
      long.close();
      const lately = open(() => TODAY - 28 * DAY_MS);
      await lately.save("young", "v");
      lately.close();
      for (const [days, left] of [
        [0, ["old", "young"]],
        [1, ["old", "young"]],
        [3, ["young"]],
        [4, ["young"]],
        [6, []],
      ] as const) {
        const store = open(() => TODAY + days * DAY_MS);
        const listed = (await store.list()).map(({ key }) => key);
        requireSame(listed, left, `what is left after ${days} days`);
        store.close();
      }
    },
  },
  {
    name: "loses nothing to a clock that is wrong by years, for a day or when it was saved",
    async check(open) {
      const stays = async (savedAt: number, looks: readonly number[]) => {
        const begun = open(() => savedAt);
        await begun.save("k", "v");
        begun.close();
        for (const now of looks) {
          const store = open(() => now);
          requireSame(await store.load("k"), "v", "what was saved");
          store.close();
        }
      };
      const wrong = TODAY + 3650 * DAY_MS;
      await stays(TODAY, [wrong, TODAY + DAY_MS, wrong + DAY_MS, TODAY + 2 * DAY_MS]);
      await stays(1, [TODAY, TODAY + DAY_MS]);
    },
  },
  {
    name: "gives a claim to one only, until that lets go of it",
    async check(open) {
      const [one, other] = [open(), open()];
      const release = await one.claim("k");
      for (const store of [one, other]) {
        requireSame(await codeOf(store.claim("k")), "transfer_busy", "a second claim");
      }
      const elsewhere = await other.claim("l");
      release();
      const next = await other.claim("k");
      // What was let go of is somebody else's now.
      release();
      requireSame(await codeOf(one.claim("k")), "transfer_busy", "a claim of the next one");
      next();
      elsewhere();
      for (let at = 0; at < 50; at++) (await (at % 2 ? one : other).claim("k"))();
    },
  },
  {
    name: "gives a claim to one of many who ask at once",
    async check(open) {
      const asked = Array.from({ length: 20 }, () => open().claim("k"));
      const settled = await Promise.allSettled(asked);
      const given = settled.filter((one) => one.status === "fulfilled");
      requireSame(given.length, 1, "claims given");
      for (const { value } of given) value();
    },
  },
  {
    name: "says whether somebody has a claim",
    async check(open) {
      const [one, other] = [open(), open()];
      requireSame(await other.holder("k"), undefined, "before");
      const release = await one.claim("k");
      require((await one.holder("k")) !== undefined, "nobody has it, says who has it");
      require((await other.holder("k")) !== undefined, "nobody has it, says another one");
      requireSame(await other.holder("l"), undefined, "another key");
      release();
      // Whoever may have it next knows that it is free.
      (await other.claim("k"))();
    },
  },
];
