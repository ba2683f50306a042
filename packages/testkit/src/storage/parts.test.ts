// The storage of parts in memory passes the contract of every storage of parts.
import { isHoldfastError } from "@holdfast/protocol";
import { describePartStorageContract } from "../contracts/part-storage.ts";
import { createMemoryParts } from "./parts.ts";

describePartStorageContract("memory", async () => {
  const storage = createMemoryParts();
  return {
    storage,
    async bring(request, bytes) {
      try {
        storage.bring(request, bytes);
        return true;
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
        return false;
      }
    },
    dispose: async () => undefined,
  };
});
