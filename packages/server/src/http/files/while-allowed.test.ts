// Downloads and the rights they began with.
import { HoldfastError, MIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { expect, it } from "vitest";
import { whileAllowed } from "./while-allowed.ts";

/** What of five pieces, two seconds apart, is given out. */
async function read(error?: HoldfastError): Promise<readonly number[]> {
  const clock = createVirtualClock();
  const stillMay = async () => {
    if (error) throw error;
  };
  let isOpen = false;
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    isOpen = true;
    try {
      for (const byte of [1, 2, 3, 4, 5]) yield Uint8Array.of(byte);
    } finally {
      isOpen = false;
    }
  }
  const given: number[] = [];
  try {
    for await (const piece of whileAllowed({ clock }, stillMay, pieces())) {
      given.push(...piece);
      clock.advance(2_000);
    }
  } catch (cause) {
    expect(cause).toBe(error);
    given.push(-1);
  }
  // What it held it has given back, however it ended.
  expect(isOpen).toBe(false);
  return given;
}

it("a download ends within five seconds of the rights to it", async () => {
  expect(await read()).toEqual([1, 2, 3, 4, 5]);
  expect(await read(new HoldfastError("unauthorized"))).toEqual([1, 2, 3, -1]);
  expect(await read(new HoldfastError("forbidden"))).toEqual([1, 2, 3, -1]);
  expect(await read(new HoldfastError("signature_refused"))).toEqual([1, 2, 3, -1]);
  expect(await read(new HoldfastError("file_not_found"))).toEqual([1, 2, 3, -1]);
});

it("and goes on where nobody knows the rights just now", async () => {
  expect(await read(new HoldfastError("storage_failed"))).toEqual([1, 2, 3, 4, 5]);
});

it("and gives out nothing that came only after they had ended", async () => {
  const clock = createVirtualClock();
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    yield Uint8Array.of(1);
    clock.advance(60_000);
    yield Uint8Array.of(2);
  }
  const stillMay = async () => {
    if (clock.monotonic() > 0) throw new HoldfastError("unauthorized");
  };
  const allowed = whileAllowed({ clock }, stillMay, pieces());
  expect((await allowed.next()).value).toEqual(Uint8Array.of(1));
  await expect(allowed.next()).rejects.toMatchObject({ code: "unauthorized" });
  expect((await allowed.next()).done).toBe(true);
});

it("and has nothing sent past the pieces for a reader that paused until they had ended", async () => {
  const clock = createVirtualClock();
  let sent = 0;
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    yield Uint8Array.of(1);
    // The kernel does that by itself, up to the end of the file.
    sent = 16 * MIB;
  }
  const stillMay = async () => {
    if (clock.monotonic() > 0) throw new HoldfastError("unauthorized");
  };
  const allowed = whileAllowed({ clock }, stillMay, pieces());
  expect((await allowed.next()).value).toEqual(Uint8Array.of(1));
  clock.advance(60_000);
  await expect(allowed.next()).rejects.toMatchObject({ code: "unauthorized" });
  expect(sent).toBe(0);
});
