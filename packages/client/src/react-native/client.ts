// The client of an app in React Native. Not run on a device: what is tested is all of it but React Native itself.
import { HoldfastError, MIB } from "@holdfast/protocol";
import { sizeOf } from "../body.ts";
import { browserClock, plainView } from "../browser/platform.ts";
import { createSha256, sha256 } from "../browser/sha256.ts";
import { sendByXhr } from "../browser/xhr.ts";
import type { WatchedTransfer } from "../events.ts";
import { IN_FLIGHT } from "../line.ts";
import { createPlace, settleAlone } from "../place-id.ts";
import type { Digester, Ports, Random, Transport } from "../ports.ts";
import { createShare } from "../share.ts";
import { listUnfinished, type UnfinishedUpload } from "../unfinished.ts";
import { startUpload, type UploadOptions } from "../upload.ts";
import { createDeviceCheckpoints } from "./checkpoint.ts";
import type { Device, DeviceFile } from "./device.ts";
import { openDeviceSource } from "./source.ts";
import { requireSurroundings } from "./surroundings.ts";

/** Of all runs in flight, in bytes: React Native carries bodies to the system as text of a third more, besides. */
const MEMORY: number = 8 * MIB;

export interface ClientOptions extends Device {
  /** Runs in flight at most, of all uploads together; 12 by default. */
  readonly inFlight?: number;
  /** Bytes of memory for all runs in flight; 8 MiB by default. */
  readonly memory?: number;
  /** Bytes a second, of all uploads together. */
  readonly limitRate?: number;
}

export interface Client {
  /** Uploads a file of the device; the same file again goes on where its last upload stopped, also after the app was ended. */
  upload(file: DeviceFile, options: Omit<UploadOptions, "limitRate">): WatchedTransfer;
  /** What was begun on this device and can be gone on with, the latest last; `path` is the file's `id`. @throws HoldfastError `checkpoint_failed` */
  unfinished(): Promise<readonly UnfinishedUpload[]>;
  /** Forgets one of them; what its server has of it expires. @throws HoldfastError `transfer_busy`, `checkpoint_failed` */
  forget(one: Pick<UnfinishedUpload, "key">): Promise<void>;
  /** The app is in front again, or the network is another one: what waits tries at once. For `AppState` and `NetInfo`. */
  hint(): void;
}

/** @throws HoldfastError `usage` where the engine that runs the app lacks something */
export function createClient({
  inFlight = IN_FLIGHT,
  memory = MEMORY,
  limitRate,
  ...device
}: ClientOptions): Client {
  requireSurroundings();
  const rate = limitRate === undefined ? {} : { limitRate };
  const running = new Set<WatchedTransfer>();
  const own = {
    checkpoints: createDeviceCheckpoints(device.storage, browserClock),
    random: randomOf(device),
    digester: digesterOf(device),
  };
  const ports: Ports = {
    ...own,
    transport,
    clock: browserClock,
    lines: new Map(),
    place: createPlace(own, settleAlone(own.checkpoints)),
    share: createShare(browserClock, { inFlight, memory, ...rate }),
  };
  return {
    upload(file, options) {
      const typed = file.type === undefined ? {} : { type: file.type };
      const common = { inFlight, ...rate, ...typed };
      const transfer = startUpload(
        async () => openDeviceSource(file),
        { ...common, ...options },
        ports,
      );
      running.add(transfer);
      const end = () => running.delete(transfer);
      transfer.done.then(end, end);
      return transfer;
    },
    async unfinished() {
      const found = await listUnfinished(ports);
      return found.flatMap((one) =>
        one.kind === "upload" && one.path.startsWith("device:")
          ? [{ ...one, path: one.path.slice("device:".length) }]
          : [],
      );
    },
    async forget({ key }) {
      const release = await ports.checkpoints.claim(key);
      try {
        await ports.checkpoints.remove(key);
      } finally {
        release();
      }
    },
    hint() {
      for (const transfer of running) transfer.hint();
    },
  };
}

/** XMLHttpRequest for all of them: React Native's `fetch` adds a number to addresses that are not to be cached. */
const transport: Transport = {
  // As OkHttp does, which carries it on Android.
  mayRepeat: true,
  async request(request) {
    request.signal.throwIfAborted();
    const { body } = request;
    if (!body) return sendByXhr(request, undefined);
    const whole = "size" in body ? body : join(body);
    for (let left = sizeOf(body); left > 0; ) {
      left -= await request.grant(left);
      request.signal.throwIfAborted();
    }
    return sendByXhr(request, whole);
  },
  // Its connections are the system's.
  close: () => undefined,
};

function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [only] = pieces;
  if (only && pieces.length === 1) return plainView(only);
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function randomOf({ randomBytes }: Device): Random {
  if (randomBytes) return { bytes: (size) => randomBytes(size) };
  if (!("crypto" in globalThis) || typeof crypto.getRandomValues !== "function")
    throw new HoldfastError(
      "usage",
      "this engine lacks crypto.getRandomValues: give the client `randomBytes`",
    );
  return { bytes: (size) => crypto.getRandomValues(new Uint8Array(size)) };
}

function digesterOf({ sha256: native }: Device): Digester {
  return {
    sha256,
    hasher: createSha256,
    async digest(bytes, algorithm) {
      if (algorithm !== "sha-256")
        throw new HoldfastError("digest_unsupported", `${algorithm} is not to be had in this app`);
      if (!native) return sha256(bytes);
      const digest = await native(plainView(bytes));
      const found = digest instanceof Uint8Array ? digest : new Uint8Array(digest);
      if (found.length !== 32)
        throw new HoldfastError("internal", "the app's SHA-256 has no 32 bytes");
      return found;
    },
  };
}
