// The same tests on every store: a server whose bytes are in it, and whose records are beside it or in PostgreSQL.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAll, type ServerProcess, startServer } from "@holdfast/testkit/process";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, describe } from "vitest";
import { type Environment, inDouble, type Store } from "./bucket.ts";
import { type Ground, openGround, PAIRS } from "./pairs.ts";

interface Beside {
  readonly store: Store;
  readonly env: Environment;
  close(): Promise<void>;
}

interface Opened extends Beside {
  readonly directory: string;
  readonly server: ServerProcess;
}

export interface InStores {
  /** Runs the tests on each. */
  describe(tests: () => void): void;
  directory(): string;
  server(): ServerProcess;
  url(): string;
  store(): Store;
}

async function inDoubleOnly(prefix: string): Promise<Beside> {
  const store = inDouble(await startS3Double());
  return { store, env: store.env(prefix), close: store.stop };
}

async function onGround(ground: Ground, prefix: string): Promise<Beside> {
  if (!ground.store) throw new Error("the pair has no store");
  return { store: ground.store, env: ground.env(prefix), close: ground.close };
}

const STORES: readonly (readonly [string, (prefix: string) => Promise<Beside>])[] = [
  ["the double", inDoubleOnly],
  ...PAIRS.filter(({ storage }) => storage === "s3").map(
    (pair) =>
      [
        `SeaweedFS, records in ${pair.metadata}`,
        async (prefix: string) => onGround(await openGround(pair), prefix),
      ] as const,
  ),
];

/** @param prefix Of what the servers keep. */
export function inStores(prefix: string): InStores {
  let opened: Opened | undefined;
  const running = (): Opened => {
    if (!opened) throw new Error("nothing runs before the first test");
    return opened;
  };
  return {
    describe: (tests) =>
      describe.each(STORES)("on %s", (_name, start) => {
        beforeAll(async () => {
          const directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
          const beside = await start(prefix);
          const data = join(directory, "data");
          const server = await startServer({ data, port: 0, env: beside.env });
          opened = { ...beside, directory, server };
        });
        tests();
        afterAll(async () => {
          const { directory, server, close } = running();
          killAll();
          await server.exit;
          await close();
          await rm(directory, { recursive: true, force: true, maxRetries: 5 });
        });
      }),
    directory: () => running().directory,
    server: () => running().server,
    url: () => running().server.url,
    store: () => running().store,
  };
}
