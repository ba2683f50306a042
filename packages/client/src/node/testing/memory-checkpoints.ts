// For tests: checkpoints of one process, in its memory.
import { HoldfastError } from "@holdfast/protocol";
import type { CheckpointStore } from "../../ports.ts";

export function memoryCheckpoints(): CheckpointStore {
  const kept = new Map<string, string>();
  const claimed = new Set<string>();
  return {
    load: async (key) => kept.get(key),
    save: async (key, value) => void kept.set(key, value),
    remove: async (key) => void kept.delete(key),
    list: async () => [...kept].map(([key, value]) => ({ key, value, savedAt: 0 })),
    async claim(key) {
      if (claimed.has(key)) throw new HoldfastError("transfer_busy");
      claimed.add(key);
      return () => void claimed.delete(key);
    },
    holder: async (key) => (claimed.has(key) ? { pid: undefined } : undefined),
    onDamage: () => () => undefined,
    close: () => undefined,
  };
}
