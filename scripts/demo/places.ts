// Where the server of the demo keeps bytes and records, if not in its data directory: services that are started for it.
import { startProxy } from "@holdfast/testkit/proxy";
import { startPostgres } from "@holdfast/testkit/services/postgres";
import { type Environment, startStore } from "../../e2e/kit/bucket.ts";

export interface Places {
  readonly words: readonly string[];
  /** For the server. */
  readonly env: Environment;
  /** Bytes that went to the store. */
  bytesUp(): number;
  close(): Promise<void>;
}

export async function openPlaces(wants: {
  readonly isInStore: boolean;
  readonly isInPostgres: boolean;
}): Promise<Places> {
  const opened: (() => Promise<void>)[] = [];
  const words: string[] = [];
  const env: Record<string, string> = {};
  let bytesUp = () => 0;
  async function close(): Promise<void> {
    for (let next = opened.pop(); next; next = opened.pop()) await next();
  }
  try {
    if (wants.isInStore) {
      const store = await startStore(async (url) => {
        const proxy = await startProxy({ targetPort: Number(new URL(url).port) });
        opened.push(() => proxy.close());
        bytesUp = () => proxy.totals().up;
        return proxy.url;
      });
      opened.push(() => store.stop());
      Object.assign(env, store.env("demo"));
      words.push(`bytes go to a SeaweedFS on ${store.url}`);
    }
    if (wants.isInPostgres) {
      const postgres = await startPostgres();
      opened.push(() => postgres.stop());
      env["HOLDFAST_METADATA"] = postgres.url;
      words.push(`records go to a PostgreSQL on port ${postgres.port}`);
    }
    return { words, env, bytesUp: () => bytesUp(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
