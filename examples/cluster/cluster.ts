// Three servers as one: PostgreSQL for the records, SeaweedFS for the bytes, nginx before them. Everything listens on 127.0.0.1 only.
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { startNginx } from "@holdfast/testkit/services/nginx";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { type Found, startStore } from "../../e2e/kit/bucket.ts";

export interface Cluster {
  /** Where nginx listens: any request may go to any of the servers. */
  readonly url: string;
  readonly postgres: Postgres;
  /** Each server's own address. */
  urls(): readonly string[];
  /** Of what is in the bucket: objects, and multipart uploads that have not ended. */
  look(): Promise<Found>;
  /** `kill -9`; resolves when it is gone. */
  kill(server: number): Promise<void>;
  /** Starts one again that was killed, where it was; resolves when it listens. */
  start(server: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param directory Keeps what each server needs beside bytes and records: its keys and tokens. */
export async function startCluster(directory: string, count = 3): Promise<Cluster> {
  const stops: (() => Promise<unknown>)[] = [];
  async function stop(): Promise<void> {
    for (const end of stops.splice(0).toReversed()) await end();
  }
  try {
    const store = await startStore();
    stops.push(store.stop);
    const postgres = await startPostgres();
    stops.push(postgres.stop);
    const env = { ...store.env("cluster"), HOLDFAST_METADATA: postgres.url };
    const ports = await Promise.all(Array.from({ length: count }, () => freePort()));
    const start = (at: number) =>
      startServer({ data: join(directory, `server-${at}`), port: ports[at] ?? 0, env });
    const servers: ServerProcess[] = [];
    stops.push(() => Promise.all(servers.map(stopServer)));
    // All at once: whoever is first makes the tables and marks the bucket.
    const starting = await Promise.allSettled(ports.map((_, at) => start(at)));
    for (const one of starting) if (one.status === "fulfilled") servers.push(one.value);
    for (const one of starting) if (one.status === "rejected") throw one.reason;
    const nginx = await startNginx(ports.map((port) => `127.0.0.1:${port}`));
    stops.push(nginx.stop);
    return {
      url: nginx.url,
      postgres,
      urls: () => servers.map(({ url }) => url),
      look: () => store.look("cluster"),
      async kill(at) {
        const server = servers[at];
        if (server) await killServer(server);
      },
      async start(at) {
        servers[at] = await start(at);
      },
      stop,
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}
