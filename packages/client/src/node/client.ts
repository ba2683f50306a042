// Many transfers that share their connections, their checkpoints, their memory and their rate.
import { realpath } from "node:fs/promises";
import {
  HoldfastError,
  type Manifest,
  type SweepReport,
  type UploadView,
} from "@holdfast/protocol";
import type { Patience } from "../claim.ts";
import {
  type CreateLinkOptions,
  createLink,
  type Link,
  type RevokeLinkOptions,
  revokeLink,
} from "../create-link.ts";
import { type DeleteFileOptions, deleteFile } from "../delete-file.ts";
import {
  type Described,
  type DescribeOptions,
  describeAnyFile,
  describeFile,
} from "../describe.ts";
import { type DownloadOptions, startDownload } from "../download.ts";
import type { Transfer } from "../events.ts";
import { findUploads, type KnownUpload } from "../find-upload.ts";
import { IN_FLIGHT_KEPT, MEMORY } from "../line.ts";
import { type FilePage, type ListFilesOptions, listFiles } from "../list-files.ts";
import { createPlace, settleAlone } from "../place-id.ts";
import type { Ports } from "../ports.ts";
import { type RepairOptions, startRepair } from "../repair.ts";
import { makePrivate, makePublic, type SetPublicOptions } from "../set-public.ts";
import { createShare } from "../share.ts";
import {
  type ByteSink,
  type StreamDownloadOptions,
  startStreamDownload,
} from "../stream/download-stream.ts";
import { streamOf } from "../stream/read-run.ts";
import { type StreamUploadOptions, startStreamUpload } from "../stream/upload-stream.ts";
import { type SweepOptions, sweepServer } from "../sweep-server.ts";
import { listUnfinished, type NotedCommand, noteCommand, type Unfinished } from "../unfinished.ts";
import { startUpload, type UploadOptions } from "../upload.ts";
import { abortUpload, type UploadAddress, uploadStatus } from "../upload-status.ts";
import {
  type BadPart,
  type VerifyFileOptions,
  type VerifyOptions,
  verifyFile,
  verifySource,
} from "../verify.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import { openCopySink } from "./copy-sink.ts";
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
  /** Runs in flight at most, of all transfers together; 16 by default, of which one upload takes 12 at most. */
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
  /** As `download`, beside the others: from a server of ours, or any that has byte ranges. */
  download(url: string, path: string, options?: Omit<DownloadOptions, Shared | "url">): Transfer;
  /** As `repair`, beside the others. */
  repair(url: string, path: string, options?: Omit<RepairOptions, Shared | "url">): Transfer;
  /** Uploads whatever comes through `pieces`, beside the others. No other process can go on with it. */
  uploadStream(
    pieces: AsyncIterable<unknown>,
    options: Omit<StreamUploadOptions, Shared>,
  ): Transfer;
  /** Downloads into `write`, every part verified before a byte of it goes there, in order. */
  downloadStream(
    url: string,
    write: ByteSink,
    options?: Omit<StreamDownloadOptions, Shared | "url">,
  ): Transfer;
  /** What a file is: its manifest. @throws HoldfastError */
  describe(options: Omit<DescribeOptions, Shared>): Promise<Manifest>;
  /** What an address leads to: a file of ours with its manifest, or one of any HTTP server. @throws HoldfastError */
  describeAny(options: Omit<DescribeOptions, Shared>): Promise<Described>;
  /** A page of the tenant's files, newest first. @throws HoldfastError */
  list(options: ListFilesOptions): Promise<FilePage>;
  /** An upload as the server has it. @throws HoldfastError */
  status(options: UploadAddress): Promise<UploadView>;
  /** Uploads of a path that checkpoints name, one for each server, the latest last. @throws HoldfastError `source_unreadable`, `checkpoint_failed` */
  uploadsOf(path: string): Promise<readonly KnownUpload[]>;
  /** Ends an upload before its time. @throws HoldfastError */
  abort(options: UploadAddress): Promise<void>;
  /** A link by which anybody may read a file, or what there is of an upload, for a while. @throws HoldfastError */
  link(options: CreateLinkOptions): Promise<Link>;
  /** Takes one link back. @throws HoldfastError */
  revokeLink(options: RevokeLinkOptions): Promise<void>;
  /** Lets everybody read a file, at the address that it resolves with. @throws HoldfastError */
  makePublic(options: SetPublicOptions): Promise<string>;
  /** Takes that back. @throws HoldfastError */
  makePrivate(options: SetPublicOptions): Promise<void>;
  /** Removes what has ended from a server, or tells what would go. @throws HoldfastError */
  sweep(options: SweepOptions): Promise<SweepReport>;
  /** Removes a file. @throws HoldfastError */
  remove(options: DeleteFileOptions): Promise<void>;
  /** Compares a local file with a manifest: resolves with the parts that are bad. @throws HoldfastError */
  verifyLocal(path: string, options: VerifyOptions): Promise<readonly BadPart[]>;
  /** Compares what the server sends with a manifest. @throws HoldfastError */
  verifyRemote(options: VerifyFileOptions): Promise<readonly BadPart[]>;
  /** What can be gone on with on this device, the latest last. @throws HoldfastError `checkpoint_failed` */
  unfinished(): Promise<readonly Unfinished[]>;
  /** Forgets one of them; of a download, what there is of it goes too. @throws HoldfastError `transfer_busy` where a process is at it */
  forget(one: Unfinished): Promise<void>;
  /** Notes a command until the returned function is called, which is told whether there is nothing left of it. @throws HoldfastError `transfer_busy` */
  noteCommand(
    command: NotedCommand,
    about: readonly string[],
    patience?: Partial<Patience>,
  ): Promise<(isFinished: boolean) => Promise<void>>;
  /** Tells of checkpoints that were found damaged and begun anew, where no transfer runs that would; the returned function takes the listener off. */
  onDamage(listener: (detail: string) => void): () => void;
  /** When no transfer runs any more: closes connections and checkpoints. */
  close(): void;
}

export function createClient(options: ClientOptions = {}): Client {
  const { inFlight = IN_FLIGHT_KEPT, memory = MEMORY, limitRate } = options;
  const own = nodePorts(options.stateDir);
  const rate = limitRate === undefined ? {} : { limitRate };
  const share = createShare(own.clock, { inFlight, memory, ...rate });
  const lent: Ports = {
    ...own,
    share,
    transport: { ...own.transport, close: () => undefined },
    checkpoints: { ...own.checkpoints, close: () => undefined },
  };
  // A limit also says how many runs of one transfer are worth while.
  const common = { ...(options.inFlight === undefined ? {} : { inFlight }), ...rate };
  const many = { inFlight: IN_FLIGHT_KEPT, ...common };
  return {
    upload: (path, more) => startUpload(() => openFileSource(path), { ...common, ...more }, lent),
    download: (url, path, more = {}) =>
      startDownload(() => openFileSink(path), { ...many, ...more, url }, lent),
    repair: (url, path, more = {}) =>
      startRepair(() => openCopySink(path), { ...many, ...more, url }, lent),
    uploadStream: (pieces, more) =>
      startStreamUpload(streamOf(pieces), { ...common, ...more }, lent),
    downloadStream: (url, write, more = {}) =>
      startStreamDownload(write, { ...common, ...more, url }, lent),
    describe: (more) => describeFile({ ...common, ...more }, lent),
    describeAny: (more) => describeAnyFile({ ...common, ...more }, lent),
    list: (more) => listFiles(more, lent),
    status: (more) => uploadStatus(more, lent),
    async uploadsOf(path) {
      const identity = await realpath(path).catch((cause: unknown) => {
        throw new HoldfastError("source_unreadable", `there is no file ${path}`, { path }, cause);
      });
      return findUploads(identity, own);
    },
    abort: (more) => abortUpload(more, lent),
    link: (more) => createLink(more, lent),
    revokeLink: (more) => revokeLink(more, lent),
    makePublic: (more) => makePublic(more, lent),
    makePrivate: (more) => makePrivate(more, lent),
    sweep: (more) => sweepServer(more, lent),
    remove: (more) => deleteFile(more, lent),
    async verifyLocal(path, more) {
      const source = await openFileSource(path);
      try {
        return await verifySource(source, more, lent.digester);
      } finally {
        await source.close();
      }
    },
    verifyRemote: (more) => verifyFile(more, lent),
    unfinished: () => listUnfinished(lent),
    async forget(one) {
      const release = await lent.checkpoints.claim(one.key);
      try {
        await lent.checkpoints.remove(one.key);
        if (one.kind !== "download") return;
        const sink = await openFileSink(one.path);
        await sink.discard(one.root).finally(sink.close);
      } finally {
        release();
      }
    },
    noteCommand: (command, about, patience) =>
      noteCommand(lent, command, about, { ...IMPATIENT, ...patience }),
    onDamage: own.checkpoints.onDamage,
    close() {
      own.checkpoints.close();
      own.transport.close();
    },
  };
}

const IMPATIENT: Patience = { signal: new AbortController().signal, onBusy: () => undefined };

/** The ports of transfers in this process, but for what they share. */
export function nodePorts(stateDir: string = stateDirectory(surroundings())): Omit<Ports, "share"> {
  const checkpoints = createCheckpointStore({
    directory: stateDir,
    now: () => systemClock.now(),
  });
  const own = { checkpoints, random: systemRandom, digester: systemDigester };
  return {
    ...own,
    transport: createNodeTransport(),
    clock: systemClock,
    lines: new Map(),
    // Nearly every file system tells files apart by itself: what several processes would make of it at the same instant costs a small file sent twice.
    place: createPlace(own, settleAlone(checkpoints)),
  };
}
