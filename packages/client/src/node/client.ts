// Many transfers that share their connections, their checkpoints, their memory and their rate.
import type { Manifest } from "@holdfast/protocol";
import { type DescribeOptions, describeFile } from "../describe.ts";
import { type DownloadOptions, startDownload } from "../download.ts";
import type { Transfer } from "../events.ts";
import { IN_FLIGHT, MEMORY } from "../line.ts";
import type { Ports } from "../ports.ts";
import { createShare } from "../share.ts";
import { startUpload, type UploadOptions } from "../upload.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import {
  stateDirectory,
  surroundings,
  systemClock,
  systemDigester,
  systemRandom,
} from "./platform.ts";
import { openFileSink } from "./sink.ts";
import { openFileSource } from "./source.ts";
import { createNodeTransport } from "./transport.ts";

export interface ClientOptions {
  /** Directory of the checkpoints; HOLDFAST_STATE_DIR or the platform's place for such things by default. */
  readonly stateDir?: string;
  /** Runs in flight at most, of all transfers together; 12 by default. */
  readonly inFlight?: number;
  /** Bytes of memory for all runs in flight; 64 MiB by default. */
  readonly memory?: number;
  /** Bytes a second, of all transfers together. */
  readonly limitRate?: number;
}

type Shared = "limitRate";

export interface Client {
  /** As `upload`, beside the others. */
  upload(path: string, options: Omit<UploadOptions, Shared>): Transfer;
  /** As `download`, beside the others. */
  download(url: string, path: string, options?: Omit<DownloadOptions, Shared | "url">): Transfer;
  /** What a file is: its manifest. @throws HoldfastError */
  describe(options: Omit<DescribeOptions, Shared>): Promise<Manifest>;
  /** When no transfer runs any more: closes connections and checkpoints. */
  close(): void;
}

export function createClient(options: ClientOptions = {}): Client {
  const { inFlight = IN_FLIGHT, memory = MEMORY, limitRate } = options;
  const own = nodePorts(options.stateDir);
  const rate = limitRate === undefined ? {} : { limitRate };
  const share = createShare(own.clock, { inFlight, memory, ...rate });
  const lent: Ports = {
    ...own,
    share,
    transport: { request: (request) => own.transport.request(request), close: () => undefined },
    checkpoints: { ...own.checkpoints, close: () => undefined },
  };
  // A limit also says how many runs are worth while.
  const common = { inFlight, ...rate };
  return {
    upload: (path, more) => startUpload(() => openFileSource(path), { ...common, ...more }, lent),
    download: (url, path, more = {}) =>
      startDownload(() => openFileSink(path), { ...common, ...more, url }, lent),
    describe: (more) => describeFile({ ...common, ...more }, lent),
    close() {
      own.checkpoints.close();
      own.transport.close();
    },
  };
}

/** The ports of transfers in this process, but for what they share. */
export function nodePorts(stateDir: string = stateDirectory(surroundings())): Omit<Ports, "share"> {
  return {
    transport: createNodeTransport(),
    checkpoints: createCheckpointStore({
      directory: stateDir,
      now: () => systemClock.now(),
      warn: (detail) => process.emitWarning(detail, { code: "checkpoint_failed" }),
    }),
    clock: systemClock,
    random: systemRandom,
    digester: systemDigester,
  };
}
