// One download of a page: the core of downloads over what a browser has, and what becomes of the file when it is whole.
import type { TokenSource } from "../auth.ts";
import { checkpointKey } from "../checkpoint.ts";
import { startDownload } from "../download.ts";
import type { WatchedTransfer } from "../events.ts";
import { unsignedAddress } from "../file-address.ts";
import type { CheckpointStore, Ports } from "../ports.ts";
import type { SentDownload } from "./messages.ts";
import { createBrowserSink, createDisk, type Disk } from "./sink.ts";
import { sweepDownloads } from "./sweep-downloads.ts";

export interface BrowserDownload {
  readonly transfer: WatchedTransfer;
  /** What was kept, once it is complete; undefined where it went to a place of its own. @throws HoldfastError `sink_failed` */
  whole(): Promise<File | undefined>;
  /** Removes what was kept. @throws HoldfastError `transfer_busy` where a tab is at it, `sink_failed` */
  drop(): Promise<void>;
}

interface Wanted extends Omit<SentDownload, "token"> {
  readonly token: TokenSource | undefined;
  readonly inFlight: number | undefined;
}

interface Around {
  readonly ports: Ports;
  /** The store that this download is to have, by which other tabs hear of it. */
  readonly claiming: (store: CheckpointStore) => CheckpointStore;
}

/** `turn` resolves when it may begin. */
export function startBrowserDownload(
  { url, options, token, place, inFlight }: Wanted,
  { ports, claiming }: Around,
  turn: () => Promise<void>,
): BrowserDownload {
  const disk: Disk = createDisk(navigator.storage);
  const identity = `download ${unsignedAddress(url)}`;
  const sink = createBrowserSink({ identity, place }, { ...ports, disk });
  const transfer = startDownload(
    async () => {
      await turn();
      // Only what has been there for long, and only once a page: it hinders nothing that it fails.
      swept ??= sweepDownloads(disk, ports).catch(() => undefined);
      await swept;
      return sink;
    },
    {
      whenBusy: "wait",
      ...(inFlight === undefined ? {} : { inFlight }),
      ...options,
      url,
      ...(token === undefined ? {} : { token }),
    },
    { ...ports, checkpoints: claiming(ports.checkpoints) },
  );
  return {
    transfer,
    whole: sink.whole,
    async drop() {
      const release = await ports.checkpoints.claim(
        checkpointKey(ports.digester, "download", identity),
      );
      await sink.drop().finally(release);
    },
  };
}

let swept: Promise<void> | undefined;
