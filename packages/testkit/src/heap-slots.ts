// Slots of ordinary memory, for worlds that are made and stopped by the thousand: their slots need not come back.
import { SLOT_SIZE, type SlotPool } from "@holdfast/engine";

/** What was given back, whatever pool it was of: new memory costs more than what is done with it. */
const spare: Uint8Array[] = [];
/** Whoever reads what nobody has filled finds no zeros, and nothing of another world. */
const JUNK = 0xa5;

/** A pool without an end. Each request may hold `share` slots. */
export function createHeapSlots(share = 8): SlotPool {
  let lent = 0;
  const lend = () => {
    lent++;
    const memory = spare.pop() ?? new Uint8Array(SLOT_SIZE);
    return { memory: memory.fill(JUNK) };
  };
  return {
    share: () => share,
    isCrowded: () => false,
    enter: () => () => undefined,
    take: async () => lend(),
    tryTake: lend,
    trySpare: lend,
    hasSpare: () => true,
    queue: () => ({ slot: Promise.resolve(lend()), leave: () => false }),
    waiting: () => 0,
    give: ({ memory }) => {
      lent--;
      spare.push(memory);
    },
    lent: () => lent,
  };
}
