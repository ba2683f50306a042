// The metadata store in memory: the contract, and what a crash leaves of it.
import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { describeMetadataContract } from "../contracts/metadata.ts";
import { refusal } from "../contracts/metadata-bench.ts";
import { type ApplyPoint, createMemoryMetadata, type MemoryMetadata } from "./memory.ts";
import { sampleCommit, sampleUpload } from "./samples.ts";
import { emptyState } from "./state.ts";

describeMetadataContract("memory", async () => {
  let store: MemoryMetadata = createMemoryMetadata();
  return {
    isShared: true,
    async open() {
      store = createMemoryMetadata({ state: store.snapshot() });
      return store;
    },
    outbox: async () => store.snapshot().outbox,
    remove: async () => undefined,
  };
});

describe("a crash of the metadata store in memory", () => {
  const upload = sampleUpload(4);
  const create = { kind: "create", upload } as const;
  const never = new Promise<never>(() => undefined);

  it("keeps every acknowledged change, and any prefix of those in flight", async () => {
    let isStuck = false;
    const store = createMemoryMetadata({
      onApply: async (point) => {
        if (isStuck && point === "before-durable") await never;
      },
    });
    await store.apply(create);
    isStuck = true;
    for (const index of [0, 1, 2]) void store.apply(sampleCommit(upload, index));
    expect(store.inFlight()).toHaveLength(3);
    const bits = [0, 1, 2, 3].map((extra) => store.snapshot(extra).parts.get(upload.id)?.bits[0]);
    expect(bits).toEqual([0, 1, 3, 7]);
    const after = createMemoryMetadata({ state: store.snapshot(2) });
    expect((await after.parts(upload.id)).bits).toEqual(Uint8Array.of(3));
  });

  it("keeps a change that was durable and not yet acknowledged", async () => {
    const reached = Promise.withResolvers<void>();
    const store = createMemoryMetadata({
      onApply: async (point) => {
        if (point === "before-durable") return;
        reached.resolve();
        await never;
      },
    });
    void store.apply(create);
    await reached.promise;
    expect(store.inFlight()).toEqual([]);
    expect(store.snapshot().uploads.get(upload.id)).toEqual(upload);
  });

  it("makes changes durable in their order, however long each one takes", async () => {
    const first = Promise.withResolvers<void>();
    const store = createMemoryMetadata({
      onApply: async (point, change) => {
        if (point === "before-durable" && change.kind === "create") await first.promise;
      },
    });
    const applied = [store.apply(create), store.apply(sampleCommit(upload, 0))];
    expect(store.snapshot()).toEqual(emptyState());
    first.resolve();
    await Promise.all(applied);
    expect((await store.parts(upload.id)).bits).toEqual(Uint8Array.of(1));
  });
});

describe("a fault of the metadata store in memory", () => {
  const upload = sampleUpload(4);
  const create = { kind: "create", upload } as const;

  function failing(code: "storage_full" | "storage_failed", at: ApplyPoint) {
    const fatal: HoldfastError[] = [];
    let isFailing = true;
    const store = createMemoryMetadata({
      onApply: async (point) => {
        if (!isFailing || point !== at) return;
        isFailing = false;
        throw new HoldfastError(code);
      },
      onFatal: (error) => fatal.push(error),
    });
    return { store, fatal };
  }

  it("undoes one change where there is no room, and goes on", async () => {
    const { store, fatal } = failing("storage_full", "before-durable");
    expect((await refusal(store.apply(create))).code).toBe("storage_full");
    expect(store.snapshot()).toEqual(emptyState());
    await store.apply(create);
    expect(fatal).toEqual([]);
  });

  it.each(["before-durable", "before-acknowledged"] as const)(
    "takes nothing more after an I/O error %s",
    async (point) => {
      const { store, fatal } = failing("storage_failed", point);
      const applied = [store.apply(create), store.apply(create)];
      const [first] = await Promise.allSettled(applied);
      expect(first?.status).toBe("rejected");
      expect((await refusal(store.apply(create))).code).toBe("storage_failed");
      expect(fatal).toHaveLength(1);
      expect(store.snapshot().uploads.size).toBe(point === "before-durable" ? 0 : 1);
    },
  );
});
