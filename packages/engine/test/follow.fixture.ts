// Somebody who reads an upload along while it grows, in virtual time.
import type { Engine } from "@holdfast/engine";
import type { ByteRange, HoldfastError } from "@holdfast/protocol";
import type { VirtualClock } from "@holdfast/testkit/clock";
import { alice } from "@holdfast/testkit/world";
import { turns } from "./hosts.fixture.ts";

const TO_END = Number.POSITIVE_INFINITY;

export interface Follower {
  /** What came so far. */
  bytes(): Uint8Array;
  /** Undefined while it goes on. */
  end(): "whole" | HoldfastError | undefined;
  leave(): void;
}

export async function follow(
  engine: Engine,
  { id }: { readonly id: string },
  range: ByteRange = { start: 0, end: TO_END },
  taken: () => Promise<void> = async () => undefined,
): Promise<Follower> {
  const asked = await engine.content(alice, id);
  const leaving = new AbortController();
  let bytes = new Uint8Array();
  let end: "whole" | HoldfastError | undefined;
  const run = async () => {
    for await (const piece of engine.readContent(asked, range, leaving.signal)) {
      bytes = Buffer.concat([bytes, piece]);
      await taken();
    }
  };
  run().then(
    () => {
      end = "whole";
    },
    (error: HoldfastError) => {
      end = error;
    },
  );
  await turns();
  return { bytes: () => bytes, end: () => end, leave: () => leaving.abort() };
}

/** Lets a second pass: what is committed is with whoever follows by then. */
export async function second(clock: VirtualClock): Promise<void> {
  for (let step = 0; step < 10; step++) {
    clock.advance(100);
    await turns(5);
  }
}
