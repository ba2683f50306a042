// The processes of the demo: a server, a client that uploads to it, a proxy between them that counts, and where the server keeps what it gets.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { countParts, decodeUpload, hasPart, partSizeAt } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  type Command,
  killServer,
  numberOf,
  type ServerProcess,
  startCli,
  startServer,
  stopServer,
  textOf,
} from "@holdfast/testkit/process";
import { startProxy } from "@holdfast/testkit/proxy";
import { type Ground, openGround, type Pair } from "../../e2e/kit/pairs.ts";

export interface Kill {
  readonly who: "server" | "client";
  /** Bytes that the client knew to be committed. */
  readonly acknowledged: number;
  /** Acknowledged bytes that were not there afterwards. */
  lost: number;
}

export interface SceneWants {
  readonly directory: string;
  readonly source: string;
  readonly pair: Pair;
}

export interface Scene {
  readonly url: string;
  /** Where bytes and records are, where that is not the data directory, in words. */
  readonly places: readonly string[];
  readonly kills: readonly Kill[];
  serverPid(): number;
  startClient(): void;
  /** Resolves when that many bytes have gone from the client towards the server, or the store. */
  untilSent(bytes: number): Promise<void>;
  kill(who: Kill["who"]): Promise<Kill>;
  startAgain(who: Kill["who"]): Promise<void>;
  /** Asks the server what it has; resolves with the committed bytes. */
  check(kill: Kill): Promise<number>;
  /** Resolves with the file's address when the upload is complete. */
  finish(): Promise<string>;
  download(url: string, path: string): Promise<void>;
  bytesUp(): number;
  close(): Promise<void>;
}

const LOOK_MS = 10;

export async function openScene(wants: SceneWants): Promise<Scene> {
  const ground = await openGround(wants.pair);
  try {
    return await openOn(ground, wants);
  } catch (error) {
    await ground.close();
    throw error;
  }
}

async function openOn(ground: Ground, { directory, source }: SceneWants): Promise<Scene> {
  const port = await freePort();
  const data = join(directory, "data");
  const env = { HOLDFAST_STATE_DIR: join(directory, "state"), ...ground.env("demo") };
  const start = (): Promise<ServerProcess> => startServer({ data, port, env });
  let server = await start();
  const proxy = await startProxy({ targetPort: port });
  const clients: Command[] = [];
  const kills: Kill[] = [];
  let isClosed = false;

  function client(): Command {
    const last = clients.at(-1);
    if (!last) throw new Error("no client has been started");
    return last;
  }

  function startClient(): void {
    clients.push(startCli(["upload", source, "--to", proxy.url, "--json"], { env }));
  }

  function acknowledged(): number {
    const told = clients.flatMap(({ events }) => events.filter(({ name }) => name === "progress"));
    return Math.max(0, ...told.map((event) => numberOf(event, "committed")));
  }

  async function committed(): Promise<number> {
    const id = textOf(await client().event("created"), "id");
    const answer = await fetch(`${server.url}/v1/uploads/${id}`);
    const view = decodeUpload(await answer.json());
    const last = view.committed.partCount - 1;
    const full = countParts(view.committed) * view.partSize;
    return hasPart(view.committed, last) ? full - view.partSize + partSizeAt(view, last) : full;
  }

  /** A client that ended early is the reason why nothing goes on. */
  async function orEnd<T>(work: Promise<T>, command: Command): Promise<T> {
    const ended = command.exit.then(({ code, signal }) => {
      if (code === 0) return work;
      throw new Error(`the client ended with ${code ?? signal}: ${command.stderr()}`);
    });
    return Promise.race([work, ended]);
  }

  async function sent(bytes: number): Promise<void> {
    while (!isClosed && bytesUp() < bytes) await sleep(LOOK_MS);
  }

  const bytesUp = (): number => proxy.totals().up + ground.bytesUp();

  return {
    url: server.url,
    places: ground.words,
    kills,
    serverPid: () => server.serverPid,
    startClient,
    untilSent: (bytes) => orEnd(sent(bytes), client()),
    async kill(who) {
      if (who === "server") await killServer(server);
      else client().kill("SIGKILL");
      if (who === "client") await client().exit;
      const kill: Kill = { who, acknowledged: acknowledged(), lost: 0 };
      kills.push(kill);
      return kill;
    },
    async startAgain(who) {
      if (who === "server") server = await start();
      else startClient();
    },
    async check(kill) {
      const kept = await committed();
      kill.lost = Math.max(0, kill.acknowledged - kept);
      return kept;
    },
    async finish() {
      return textOf(await orEnd(client().event("complete"), client()), "url");
    },
    async download(url, path) {
      const download = startCli(["download", url, "-o", path, "--json"], { env });
      await download.event("complete");
    },
    bytesUp,
    async close() {
      isClosed = true;
      for (const command of clients) command.kill("SIGKILL");
      await stopServer(server);
      await proxy.close();
      await ground.close();
    },
  };
}
