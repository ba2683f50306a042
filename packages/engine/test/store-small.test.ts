// A small file whose record may or may not have been written: only the next start knows, and then it must have its bytes.
import { createEngine, type MetadataStore } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { alice, memoryParts } from "@holdfast/testkit/world";
import { describe, expect, it } from "vitest";

const content = createRandom("small").bytes(5000);

async function storeBy(apply: (store: MetadataStore) => MetadataStore["apply"]) {
  const storage = createMemoryStorage();
  const inner = createMemoryMetadata();
  const metadata: MetadataStore = { ...inner, apply: apply(inner) };
  const engine = createEngine(memoryParts({ storage, metadata }));
  const room = await storage.room();
  const body = createBody(content);
  const command = { name: "a", type: "text/plain", body, bodySize: content.length };
  const code = await engine.storeFile(alice, command).then(
    () => "ok",
    (error: unknown) => (isHoldfastError(error) ? error.code : "unknown"),
  );
  const again = createEngine(
    memoryParts({ storage, metadata: createMemoryMetadata({ state: inner.snapshot() }) }),
  );
  const { files } = await again.files(alice, { limit: 10 });
  return { code, files, engine: again, used: room - (await storage.room()) };
}

describe("a small file whose record cannot be written", () => {
  it("keeps its bytes where the record may be there after all", async () => {
    const { code, files, engine } = await storeBy((inner) => async (change) => {
      await inner.apply(change);
      throw new HoldfastError("storage_failed");
    });
    expect(code).toBe("storage_failed");
    expect(files).toHaveLength(1);
    const file = await engine.file(alice, files[0]?.id ?? "");
    const pieces: Uint8Array[] = [];
    for await (const piece of engine.read(file, { start: 0, end: file.size })) {
      pieces.push(piece.slice());
    }
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(content));
  });

  it("leaves nothing where it was refused", async () => {
    const { code, files, used } = await storeBy(() => async () => {
      throw new HoldfastError("quota_exceeded");
    });
    expect(code).toBe("quota_exceeded");
    expect(files).toEqual([]);
    expect(used).toBe(0);
  });
});
