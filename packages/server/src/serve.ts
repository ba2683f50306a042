// Puts a server together and takes it apart again, in the order that keeps what is stored safe.
import { createEngine, createSlotPool, type Engine, type Log } from "@holdfast/engine";
import type { HoldfastError } from "@holdfast/protocol";
import {
  keepFreeOf,
  readSettings,
  type ServeOptions,
  type Settings,
  urlOf,
  VERSION,
} from "./config.ts";
import { type DataDirectory, openData } from "./data.ts";
import type { Front } from "./http/front.ts";
import { createInFlight } from "./http/in-flight.ts";
import { closeServer, listen } from "./http/listen.ts";
import { openHttp } from "./http/secure.ts";
import { openKeys } from "./keys/keys-file.ts";
import { createMeter } from "./metrics/meter.ts";
import { meterMetadata, meterStorage } from "./metrics/metered.ts";
import { createLog, systemClock, systemDigests, systemRandom } from "./platform.ts";
import { createTokenPolicy } from "./policy/policy.ts";
import { watchTokens } from "./policy/tokens-file.ts";

export interface RunningServer {
  /** Where it listens, such as `http://127.0.0.1:8420`. */
  readonly url: string;
  readonly port: number;
  /** Reads the certificate again, where there is one; a bad one is told in the log and the old one stays. */
  reload(): Promise<void>;
  /** Commits or refuses what is in flight and lets everything go, within `closeMs`. May be repeated. */
  close(): Promise<void>;
  /** Resolves when the server is closed, whoever closed it. */
  readonly closed: Promise<void>;
}

/**
 * Starts a server; resolves when it has recovered what a crash interrupted and accepts connections.
 *
 * @throws HoldfastError `insecure_bind`, `usage`, `data_dir_busy`, `data_dir_unusable`, `address_in_use`; nothing is left behind then.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const settings = await readSettings(options);
  const secrets = settings.token === undefined ? [] : [settings.token];
  const log = options.log ?? createLog({ level: "info", secrets });
  const fatal = createSignal();
  const data = await openData(options.dataDir, fatal.raise);
  try {
    const server = await start(settings, data, log);
    fatal.onRaised((error) => {
      log("error", "the records cannot be trusted any longer", { error });
      const onUnclosed = (cause: unknown) => log("error", "cannot close", { error: cause });
      server
        .close()
        .catch(onUnclosed)
        .finally(() => options.onFatal?.(error));
    });
    return server;
  } catch (error) {
    await data.close();
    throw error;
  }
}

async function start(settings: Settings, data: DataDirectory, log: Log): Promise<RunningServer> {
  const { address, closeMs, token, limits } = settings;
  const tokens = watchTokens(data.owner.directory, systemClock, log);
  const policy = createTokenPolicy({ token, tokens, limits, now: systemClock.now });
  const keys = openKeys(data.owner.directory, settings.keys, {
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const platform = { clock: systemClock, random: systemRandom, digests: systemDigests };
  const slots = createSlotPool(settings.slotMemory);
  const readSlots = createSlotPool(settings.slotMemory / 8);
  const meter = createMeter();
  const storage = meterStorage(data.storage, meter, systemClock);
  const metadata = meterMetadata(data.metadata, meter, systemClock);
  const { keepFree = keepFreeOf(data.capacity) } = settings;
  const engine = createEngine({
    ...{ storage, metadata, policy, slots, readSlots, keepFree, log },
    ...platform,
  });
  await engine.recover();

  let url = "";
  let closing: Promise<void> | undefined;
  const io = data.storage.caching === "direct" ? "direct" : "buffered";
  const startedAt = systemClock.monotonic();
  const front: Front = {
    engine,
    policy,
    log,
    ...platform,
    keys,
    inFlight: createInFlight(settings.requestsMax),
    meter,
    load: () => ({ slotsLent: slots.lent(), slotsWaiting: slots.waiting() }),
    about: { version: VERSION, startedAt, io, needsToken: policy.needsToken, url: () => url },
    isClosing: () => closing !== undefined,
  };
  const http = await openHttp(front, settings.tls);
  const port = await listen(http.server, address, settings.port, log);
  url = urlOf(address, port, settings.tls ? "https" : "http");
  try {
    data.owner.announce(url);
    log("info", "listening", { url, io });
  } catch (error) {
    // Nothing may be served after the directory is let go.
    http.stop();
    await closeServer(http.server, systemClock, 0);
    throw error;
  }

  async function close(): Promise<void> {
    log("info", "closing");
    http.stop();
    await Promise.all([drain(engine, closeMs), closeServer(http.server, systemClock, closeMs)]);
    await data.close();
    log("info", "closed");
  }
  const { promise: closed, resolve: tellClosed } = Promise.withResolvers<void>();
  return {
    url,
    port,
    reload: http.reload,
    close() {
      closing ??= close().finally(tellClosed);
      return closing;
    },
    closed,
  };
}

/** Bodies get half of the time; the other half is for the flushes and commits of what came of them. */
async function drain(engine: Engine, closeMs: number): Promise<void> {
  await engine.drain(closeMs / 2);
}

interface Signal {
  readonly raise: (error: HoldfastError) => void;
  readonly onRaised: (task: (error: HoldfastError) => void) => void;
}

/** Something that may happen once, perhaps before anybody can be told. */
function createSignal(): Signal {
  let raised: HoldfastError | undefined;
  let task: ((error: HoldfastError) => void) | undefined;
  return {
    raise(error) {
      raised ??= error;
      task?.(raised);
    },
    onRaised(given) {
      task = given;
      if (raised) given(raised);
    },
  };
}
