// So many uploads at once to each server, first come first served; nobody keeps the others waiting by what happens to it alone.
import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

/** Puts some into line; `begun` has the names of those whose turn has come. */
function lineOf(names: readonly string[], to = "https://one") {
  const take = createTurns(2);
  const begun: string[] = [];
  const turns = new Map(
    names.map((name) => {
      const turn = take(to);
      void turn.come.then(() => begun.push(name));
      return [name, turn] as const;
    }),
  );
  const turnOf = (name: string) => {
    const turn = turns.get(name);
    if (!turn) throw new Error(`${name} is not in line`);
    return turn;
  };
  return { take, begun, turnOf };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("two at once, then one for each that is over", async () => {
  const { begun, turnOf } = lineOf(["a", "b", "c", "d"]);
  await settled();
  expect(begun).toEqual(["a", "b"]);
  turnOf("b").leave();
  turnOf("b").leave();
  await settled();
  expect(begun).toEqual(["a", "b", "c"]);
  turnOf("a").pass();
  turnOf("a").leave();
  await settled();
  expect(begun).toEqual(["a", "b", "c", "d"]);
});

test("one that leaves the line ends its wait, and one that passes keeps its place in it", async () => {
  const { begun, turnOf } = lineOf(["a", "b", "c", "d", "e"]);
  turnOf("c").leave();
  turnOf("d").pass();
  await settled();
  expect(begun).toEqual(["a", "b", "c"]);
  turnOf("a").leave();
  await settled();
  expect(begun).toEqual(["a", "b", "c", "d"]);
});

test("nobody waits for another server", async () => {
  const { take } = lineOf(["a", "b", "c"]);
  await take("https://two").come;
});
