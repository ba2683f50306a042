// Everything of a server but its port: the data directory, the engine over it, and the front that adapters put on the network.
import { createEngine, createSlotPool, type Log } from "@holdfast/engine";
import type { HoldfastError } from "@holdfast/protocol";
import { openClockGuard } from "./clock-guard.ts";
import { type ServeOptions, type Settings, VERSION } from "./config.ts";
import { type DataDirectory, openData } from "./data.ts";
import { createCors } from "./http/cors.ts";
import type { Front } from "./http/front.ts";
import { createInFlight } from "./http/in-flight.ts";
import { createReplies } from "./http/replies.ts";
import { openKeys } from "./keys/keys-file.ts";
import { createLog } from "./log.ts";
import { createMeter } from "./metrics/meter.ts";
import { meterMetadata, meterSend, meterStorage } from "./metrics/metered.ts";
import { systemClock, systemDigests, systemRandom } from "./platform.ts";
import { createTokenPolicy } from "./policy/policy.ts";
import { watchTokens } from "./policy/tokens-file.ts";
import { keepSweeping } from "./sweeping.ts";
import { keepTending } from "./tending.ts";

export interface OpenServer {
  readonly front: Front;
  /** From now on the server says where it is reached, to people and to whoever wants its data directory. */
  announce(url: string): void;
  /**
   * Takes no new work, runs `stopServing` beside what is in flight, then closes the data directory. Once: a second call waits for the first.
   * Whatever comes of it, `closed` resolves.
   */
  close(stopServing: () => Promise<void>): Promise<void>;
  readonly closed: Promise<void>;
  /** Called when the records cannot be trusted any longer. */
  onFatal(task: (error: HoldfastError) => void): void;
}

/**
 * Resolves when what a crash interrupted is recovered; one of several servers goes on with that beside what it is asked.
 * @throws HoldfastError `data_dir_busy`, `data_dir_unusable`, `storage_unusable`, `metadata_unusable`, `usage`; nothing is left behind then.
 */
export async function openServer(options: ServeOptions, settings: Settings): Promise<OpenServer> {
  const { token, storage, several, metadata, origins } = settings;
  const secrets = token === undefined ? [] : [token];
  const log = options.log ?? createLog({ level: "info", secrets });
  const fatal = createSignal();
  const data = await openData({
    path: options.dataDir,
    ...{ storage, several, metadata, origins, log, onFatal: fatal.raise },
  });
  try {
    return await put(settings, data, log, fatal);
  } catch (error) {
    await data.close();
    throw error;
  }
}

async function put(
  settings: Settings,
  data: DataDirectory,
  log: Log,
  fatal: Signal,
): Promise<OpenServer> {
  const { closeMs, token, limits } = settings;
  const tokens = watchTokens(data.owner.directory, systemClock, log);
  const { current, latest } = tokens;
  const policy = createTokenPolicy({
    ...{ token, tokens: current, latestTokens: latest },
    ...{ limits, now: systemClock.now },
  });
  const keys = openKeys(data.owner.directory, settings.keys, {
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const platform = { clock: systemClock, random: systemRandom, digests: systemDigests };
  const slots = createSlotPool(settings.slotMemory);
  const readSlots = createSlotPool(settings.slotMemory / 8);
  const meter = createMeter();
  const storage = meterStorage(data.bytes.storage, meter, systemClock);
  const metadata = meterMetadata(data.metadata, meter, systemClock);
  const { bytes } = data;
  const isBucket = bytes.storage.kind === "parts";
  if (isBucket && settings.keepFree !== undefined) {
    const says = "it is about disks: a bucket has no room that could be looked at";
    log("warn", "setting.unused", { setting: "keep-free", says });
  }
  const keepFree = isBucket ? 0 : (settings.keepFree ?? bytes.keepFree);
  const engine = createEngine({
    ...{ storage, metadata, policy, slots, readSlots, keepFree, log },
    ...(bytes.send ? { send: meterSend(bytes.send, meter) } : {}),
    ...(settings.verifyReads ? { reads: "verified" as const } : {}),
    ...platform,
    ...data.life,
  });
  const tending = data.life && keepTending(engine, systemClock, log);
  if (!tending) await engine.recover();
  const guard = openClockGuard(data.owner.directory, log);
  const sweeping = keepSweeping(engine, systemClock, log, guard);
  const stopSettingAside = bytes.setAside(metadata, log);

  let url = "";
  let closing: Promise<void> | undefined;
  const { io } = bytes;
  const startedAt = systemClock.monotonic();
  const front: Front = {
    engine,
    policy,
    log,
    ...platform,
    keys,
    inFlight: createInFlight(settings.requestsMax),
    replies: createReplies(),
    cors: createCors(settings.origins, () => !policy.needsToken()),
    trust: settings.trust,
    accelPrefix: settings.accelPrefix,
    redirectsReads: settings.redirectReads,
    meter,
    guard,
    look: bytes.look,
    load: () => ({ slotsLent: slots.lent(), slotsWaiting: slots.waiting() }),
    about: { version: VERSION, startedAt, io, needsToken: policy.needsToken, url: () => url },
    isClosing: () => closing !== undefined,
  };

  async function close(stopServing: () => Promise<void>): Promise<void> {
    log("info", "closing");
    sweeping.stop();
    tending?.stop();
    await stopSettingAside();
    // Bodies get half of the time; the other half is for the flushes and commits of what came of them.
    await Promise.all([engine.drain(closeMs / 2), stopServing()]);
    await data.close();
    log("info", "closed");
  }
  const { promise: closed, resolve: tellClosed } = Promise.withResolvers<void>();
  return {
    front,
    announce(address) {
      url = address;
      data.owner.announce(url);
      log("info", "listening", { url, io });
    },
    close(stopServing) {
      closing ??= close(stopServing).finally(tellClosed);
      return closing;
    },
    closed,
    onFatal: fatal.onRaised,
  };
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
