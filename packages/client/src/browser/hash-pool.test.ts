// Workers that digest: as many as the machine has room for, each one part at a time, and nobody waits for a digest that does not come.
import { createHash } from "node:crypto";
import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it, test } from "vitest";
import type { Hasher } from "../ports.ts";
import { createHashPool, workersFor } from "./hash-pool.ts";
import { serveHasher } from "./serve-hasher.ts";
import { createSha256 } from "./sha256.ts";

test.each([
  [{ hardwareConcurrency: 1, deviceMemory: 8 }, 1],
  [{ hardwareConcurrency: 2, deviceMemory: 8 }, 1],
  [{ hardwareConcurrency: 4, deviceMemory: 8 }, 3],
  [{ hardwareConcurrency: 16, deviceMemory: 8 }, 4],
  [{ hardwareConcurrency: 8, deviceMemory: 4 }, 2],
  [{ hardwareConcurrency: 8, deviceMemory: 0.5 }, 1],
  [{ hardwareConcurrency: 8 }, 4],
  [{}, 1],
])("%j: %i", (machine, workers) => {
  expect(workersFor(machine)).toBe(workers);
});

/** Stands for a worker: what it does is done here, behind a port all the same. */
class FakeWorker extends EventTarget implements Worker {
  onerror: Worker["onerror"] = null;
  onmessage = null;
  onmessageerror = null;
  readonly ports: MessagePort[] = [];
  readonly load: () => Promise<() => Hasher>;

  constructor(load: () => Promise<() => Hasher>) {
    super();
    this.load = load;
  }

  postMessage(_: unknown, transfer?: Transferable[] | StructuredSerializeOptions): void {
    const [port] = Array.isArray(transfer) ? transfer : [];
    if (!(port instanceof MessagePort)) throw new Error("there is no port");
    this.ports.push(port);
    serveHasher(port, this.load);
  }

  terminate(): void {
    for (const port of this.ports) port.close();
  }
}

function poolOf(workers: number, load: () => Promise<() => Hasher>) {
  const started: FakeWorker[] = [];
  const pool = createHashPool(workers, () => {
    const worker = new FakeWorker(load);
    started.push(worker);
    return worker;
  });
  const end = () => {
    for (const worker of started) worker.terminate();
  };
  return { pool, started, end };
}

describe("a pool of workers", () => {
  it("digests parts of every size beside each other, and leaves their bytes as they are", async () => {
    const { pool, started, end } = poolOf(2, async () => createSha256);
    const piece = 512 * 1024;
    const sizes = [0, 1, piece - 1, piece, piece + 1, 2 * piece, 2 * piece + 77, 3, 64];
    const parts = sizes.map((size, seed) => new Uint8Array(size).fill(seed + 1));
    const digests = await Promise.all(parts.map((part) => pool.digest(part, "sha-256")));
    for (const [at, digest] of digests.entries()) {
      const part = new Uint8Array(sizes[at] ?? 0).fill(at + 1);
      expect(parts[at]).toEqual(part);
      expect(Buffer.from(digest).toString("hex")).toBe(
        createHash("sha256").update(part).digest("hex"),
      );
    }
    expect(started.length).toBe(2);
    end();
  });

  it("says that there is no digest, again and again", async () => {
    const { pool, end } = poolOf(1, async () => {
      throw new HoldfastError("digest_unsupported", "not here");
    });
    for (let times = 0; times < 3; times++) {
      const digest = pool.digest(new Uint8Array(9), "blake3");
      await expect(digest).rejects.toMatchObject({ code: "digest_unsupported" });
    }
    end();
  });

  it("lets nobody wait for a worker that has ended", async () => {
    const { pool, started, end } = poolOf(1, () => new Promise(() => undefined));
    const digests = [1, 2, 3].map((size) => pool.digest(new Uint8Array(size), "sha-256"));
    await Promise.resolve();
    const [worker] = started;
    worker?.onerror?.(Object.assign(new Event("error"), { message: "gone" }) as ErrorEvent);
    for (const { status } of await Promise.allSettled(digests)) expect(status).toBe("rejected");
    await expect(pool.digest(new Uint8Array(4), "sha-256")).rejects.toThrow("gone");
    end();
  });
});
