// A file goes from whoever has it to whoever asks, by the platform's own locks.
import { createVirtualClock } from "@holdfast/testkit/clock";
import { afterEach, expect, test, vi } from "vitest";
import { createAir } from "./air.ts";
import { type AboutFiles, createFileChannel, type FileChannel } from "./file-channel.ts";
import { browserRandom } from "./platform.ts";

const clock = createVirtualClock();
let openWire = createAir<AboutFiles>();
const opened: FileChannel[] = [];
const TALK = new File(["abcdef"], "talk.mp4", { lastModified: 5 });

function open(): FileChannel {
  const { locks } = navigator;
  const channel = createFileChannel({ clock, random: browserRandom, locks, wire: openWire() });
  opened.push(channel);
  return channel;
}

afterEach(() => {
  for (const channel of opened.splice(0)) channel.close();
  openWire = createAir();
});

test("comes from a tab that is at it, until that is done with it", async () => {
  const [owner, other] = [open(), open()];
  owner.offer("a", TALK);
  const found = await other.find(["a", "b"]);
  expect([...found.keys()]).toEqual(["a"]);
  expect(found.get("a")).toMatchObject({ name: "talk.mp4", lastModified: 5 });
  expect(await found.get("a")?.text()).toBe("abcdef");
  owner.drop("a");
  expect(await other.find(["a"])).toEqual(new Map());
});

test("is kept by a keeper that came late, or was there before, when its tab is gone", async () => {
  const owner = open();
  owner.offer("a", TALK);
  const keeper = open();
  await keeper.keepAll();
  const told = new Promise((resolve) => keeper.onBegun(resolve));
  owner.offer("b", TALK);
  expect(await told).toBe("b");
  owner.close();
  // A browser takes a moment to take its lock back, too.
  await vi.waitFor(async () => {
    const { held = [] } = await navigator.locks.query();
    expect(held.length).toBe(1);
  });
  const page = open();
  expect([...(await page.find(["a", "b"])).keys()].toSorted()).toEqual(["a", "b"]);
  page.drop("a");
  await vi.waitFor(async () => expect([...(await page.find(["a", "b"])).keys()]).toEqual(["b"]));
});

test("is not waited for where nobody else is there, nor without end where somebody hangs", async () => {
  const alone = open();
  expect(await alone.find(["a"])).toEqual(new Map());
  const { promise: life, resolve: end } = Promise.withResolvers<void>();
  void navigator.locks.request("holdfast.keeper", { mode: "shared" }, () => life);
  const asked = alone.find(["a"]);
  let isAnswered = false;
  void asked.then(() => {
    isAnswered = true;
  });
  await vi.waitFor(() => {
    clock.advance(1_000);
    expect(isAnswered).toBe(true);
  });
  end();
});

test("is not asked for, kept or brought by what other scripts of the site say there", async () => {
  const [owner, page] = [open(), open()];
  const heard = vi.fn();
  page.onBegun(heard);
  owner.offer("a", TALK);
  const theirs = openWire();
  const answers = vi.fn();
  theirs.onmessage = ({ data }) => {
    if (data.type !== "ask") return answers();
    for (const files of [undefined, new Map([["a", "no file"]])])
      theirs.postMessage({ ...data, type: "answer", files } as unknown as AboutFiles);
  };
  const said = [null, 3, {}, { type: "ask", keys: 3 }, { type: "begun", key: "b" }];
  for (const one of said) theirs.postMessage(one as unknown as AboutFiles);
  expect(answers).not.toHaveBeenCalled();
  expect((await page.find(["a"])).get("a")).toBe(TALK);
  expect(heard.mock.calls).toEqual([["a"]]);
});

test("is one's own alone where there are no locks", async () => {
  const channel = createFileChannel({
    clock,
    random: browserRandom,
    locks: undefined,
    wire: openWire(),
  });
  channel.offer("a", TALK);
  expect((await channel.find(["a"])).get("a")).toBe(TALK);
});
