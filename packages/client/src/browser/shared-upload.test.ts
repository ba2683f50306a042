// Two tabs that were given the same file: one is at it, the other shows that, does with it what a person wants, and takes over.
import { HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../node/platform.ts";
import { createAir } from "./air.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import type { Claims } from "./claims.ts";
import { createDatabase } from "./database.ts";
import type { SentEvent } from "./messages.ts";
import { shareUpload } from "./shared-upload.ts";
import { createTabChannel, type ToTabs } from "./tab-channel.ts";

const KEY = "a";
const CREATED = {
  name: "created",
  value: { id: "u", url: "http://u", size: 9, isResumed: false },
} as const;
const stateOf = (
  value: "opening" | "sending" | "paused" | "ending" | "complete" | "failed" | "aborted",
) => ({ name: "state", value }) as const;
const progressOf = (committed: number) =>
  ({ name: "progress", value: { committed, sent: 0, size: 9, rate: 1, eta: 1 } }) as const;

let clock = createVirtualClock();
let openWire = createAir<ToTabs>();
let owner: string | undefined;
let begun: string[] = [];
let places: string[] = [];
let over: string[] = [];

/** One tab has it at a time. */
function claimsOf(name: string): Claims {
  return {
    async claim() {
      if (owner !== undefined) throw new HoldfastError("transfer_busy");
      owner = name;
      return () => {
        owner = undefined;
      };
    },
    holder: async () => undefined,
  };
}

function openTab(name: string) {
  const shown: SentEvent[] = [];
  const commands: string[] = [];
  const share = shareUpload({
    ...{ channel: createTabChannel(openWire()), clock, name },
    show: (event) => shown.push(event),
    command: (what) => commands.push(what),
    onWhere: (where) => places.push(`${name} ${where}`),
    onBegun: () => begun.push(name),
    onOver: () => over.push(name),
  });
  const database = createDatabase(name, systemClock);
  const store = createCheckpointStore({ clock, claims: claimsOf(name), database });
  const claim = () => share.claiming(store).claim(KEY);
  return { ...share, shown, commands, claim };
}

/** The first is at it, the second waits for that. */
async function openTwo() {
  const [first, second] = [openTab("first"), openTab("second")];
  first.note(stateOf("opening"));
  second.note(stateOf("opening"));
  const release = await first.claim();
  first.note(stateOf("sending"));
  first.note(CREATED);
  first.note(progressOf(1));
  await expect(second.claim()).rejects.toMatchObject({ code: "transfer_busy" });
  return { first, second, release };
}

beforeEach(() => {
  clock = createVirtualClock();
  openWire = createAir<ToTabs>();
  owner = undefined;
  begun = [];
  places = [];
  over = [];
});

describe("an upload that another tab is at", () => {
  it("is shown as it stands, then as it goes on, four times a second", async () => {
    const { first, second } = await openTwo();
    expect(second.shown).toEqual([stateOf("opening"), CREATED, progressOf(1), stateOf("sending")]);
    for (let committed = 2; committed < 6; committed++) {
      first.note(progressOf(committed));
      first.note({ name: "part", value: { index: committed } });
    }
    expect(second.shown.length).toBe(4);
    clock.advance(250);
    expect(second.shown.slice(4)).toEqual([
      ...[2, 3, 4].map((index) => ({ name: "part", value: { index } })),
      progressOf(5),
      { name: "part", value: { index: 5 } },
    ]);
  });

  it("tells nobody but who has asked how it stands", async () => {
    const { second } = await openTwo();
    const third = openTab("third");
    await expect(third.claim()).rejects.toMatchObject({ code: "transfer_busy" });
    expect(third.shown).toEqual([CREATED, progressOf(1), stateOf("sending")]);
    expect(second.shown.length).toBe(4);
  });

  it("is paused, resumed and aborted from either tab; who waits stays in step", async () => {
    const { first, second } = await openTwo();
    second.command("pause");
    expect([first.commands, second.commands.at(-1)]).toEqual([["pause"], "pause"]);
    first.note(stateOf("paused"));
    clock.advance(250);
    expect(second.shown.at(-1)).toEqual(stateOf("paused"));
    first.command("resume");
    expect([first.commands.at(-1), second.commands.at(-1)]).toEqual(["resume", "resume"]);
    second.command("abort");
    expect(first.commands.at(-1)).toBe("abort");
    // Nothing of it is this tab's to remove.
    expect(second.commands).not.toContain("abort");
    first.note(stateOf("aborted"));
    expect(second.commands.at(-1)).toBe("abort");
  });

  it("is begun anew by who comes while it is being aborted", async () => {
    const { first, second } = await openTwo();
    first.command("abort");
    first.note(stateOf("ending"));
    const late = openTab("late");
    await expect(late.claim()).rejects.toMatchObject({ code: "transfer_busy" });
    first.note(stateOf("aborted"));
    expect(second.commands).toContain("abort");
    expect(late.commands).not.toContain("abort");
  });

  it("is aborted by who takes over, where its owner goes before it was", async () => {
    const { second, release } = await openTwo();
    second.command("abort");
    release();
    await second.claim();
    expect(second.commands.at(-1)).toBe("abort");
  });

  it("is gone on with by the other, which tells those that still wait", async () => {
    const { first, second, release } = await openTwo();
    const third = openTab("third");
    await expect(third.claim()).rejects.toMatchObject({ code: "transfer_busy" });
    first.leave();
    release();
    await second.claim();
    expect(second.shown.at(-1)).toEqual(stateOf("opening"));
    second.note(stateOf("sending"));
    second.note(progressOf(7));
    clock.advance(250);
    expect(third.shown.at(-1)).toEqual(progressOf(7));
    second.note({ name: "part", value: { index: 7 } });
    clock.advance(250);
    expect(first.shown.at(-1)).toEqual(progressOf(1));
    second.note(CREATED);
    third.leave();
    expect([begun, over]).toEqual([["first", "second"], ["first"]]);
    expect(places).toEqual(["second elsewhere", "third elsewhere", "second here"]);
  });

  it("that has ended there says nothing of the file that was chosen here", async () => {
    const { first, second } = await openTwo();
    first.note(stateOf("complete"));
    expect(second.shown.at(-1)).toEqual(stateOf("sending"));
    expect(second.commands).toEqual(["resume"]);
  });

  it("hears nothing in what other scripts of the site say there", async () => {
    const { first, second } = await openTwo();
    const theirs = openWire();
    const events = [undefined, 3, [null]];
    const said = [
      ...[null, "text", {}, { key: KEY }, { key: KEY, type: "other" }],
      ...events.map((events) => ({ key: KEY, type: "events", events })),
      { key: KEY, type: "do", what: "done" },
    ];
    for (const one of said) theirs.postMessage(one as unknown as ToTabs);
    expect([first.commands, second.commands]).toEqual([[], ["resume"]]);
    expect(second.shown.length).toBe(4);
  });
});
