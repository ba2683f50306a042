// Checkpoints that live as long as the page: enough to go on after trouble, not after a reload.
import { HoldfastError } from "@holdfast/protocol";
import type { CheckpointStore, Clock, Kept } from "../ports.ts";

export function createMemoryCheckpoints(clock: Pick<Clock, "now">): CheckpointStore {
  const kept = new Map<string, Kept>();
  const claimed = new Set<string>();
  return {
    load: async (key) => kept.get(key)?.value,
    async save(key, value) {
      kept.delete(key);
      kept.set(key, { key, value, savedAt: clock.now() });
    },
    async remove(key) {
      kept.delete(key);
    },
    list: async () => [...kept.values()],
    async claim(key) {
      if (claimed.has(key)) {
        throw new HoldfastError("transfer_busy", "this page is at this upload already");
      }
      claimed.add(key);
      return () => claimed.delete(key);
    },
    holder: async (key) => (claimed.has(key) ? { pid: undefined } : undefined),
    // Memory is not damaged.
    onDamage: () => () => undefined,
    close: () => undefined,
  };
}
