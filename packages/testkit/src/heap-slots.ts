// Slots of ordinary memory, for worlds that are made and stopped by the thousand: their slots need not come back.
import { SLOT_SIZE, type SlotPool } from "@holdfast/engine";

/** A pool without an end. Each request may hold `share` slots. */
export function createHeapSlots(share = 8): SlotPool {
  let lent = 0;
  const lend = () => {
    lent++;
    return { memory: new Uint8Array(SLOT_SIZE) };
  };
  return {
    share: () => share,
    enter: () => () => undefined,
    take: async () => lend(),
    tryTake: lend,
    trySpare: lend,
    hasSpare: () => true,
    queue: () => ({ slot: Promise.resolve(lend()), leave: () => false }),
    waiting: () => 0,
    give: () => {
      lent--;
    },
    lent: () => lent,
  };
}
