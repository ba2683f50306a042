// The pairs of a storage and a metadata store that everything is proved on, and the services that stand beside a server of each.
import { startProxy } from "@holdfast/testkit/proxy";
import { startPostgres } from "@holdfast/testkit/services/postgres";
import { type Environment, type Store, startStore } from "./bucket.ts";

export interface Pair {
  readonly storage: "disk" | "s3";
  readonly metadata: "sqlite" | "postgres";
}

/** Everything that works on the first works on all of them. */
export const PAIRS: readonly Pair[] = [
  { storage: "disk", metadata: "sqlite" },
  { storage: "s3", metadata: "sqlite" },
  { storage: "s3", metadata: "postgres" },
];

export const nameOf = ({ storage, metadata }: Pair): string => `${storage}+${metadata}`;

/** What is running beside the servers of a pair. */
export interface Ground {
  readonly pair: Pair;
  /** Where bytes and records are, where that is not the data directory. */
  readonly words: readonly string[];
  readonly store: Store | undefined;
  /** For a server whose bytes and records are nobody else's. @param options Of the storage's location: `&part-size-min=5M` */
  env(name: string, options?: string): Environment;
  /** Bytes that clients and servers have sent to the store. */
  bytesUp(): number;
  close(): Promise<void>;
}

export async function openGround(pair: Pair): Promise<Ground> {
  const opened: (() => Promise<void>)[] = [];
  async function close(): Promise<void> {
    for (let next = opened.pop(); next; next = opened.pop()) await next();
  }
  try {
    const words: string[] = [];
    let bytesUp = () => 0;
    let store: Store | undefined;
    if (pair.storage === "s3") {
      store = await startStore(async (url) => {
        const proxy = await startProxy({ targetPort: Number(new URL(url).port) });
        opened.push(() => proxy.close());
        bytesUp = () => proxy.totals().up;
        return proxy.url;
      });
      opened.push(store.stop);
      words.push(`bytes go to a SeaweedFS on ${store.url}`);
    }
    let records: (name: string) => Environment = () => ({});
    if (pair.metadata === "postgres") {
      const { url, port, stop } = await startPostgres();
      opened.push(stop);
      records = (name) => ({ HOLDFAST_METADATA: `${url}?schema=${name}` });
      words.push(`records go to a PostgreSQL on port ${port}`);
    }
    const env = (name: string, options?: string) => ({
      ...store?.env(name, options),
      ...records(name),
    });
    return { pair, words, store, env, bytesUp: () => bytesUp(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
