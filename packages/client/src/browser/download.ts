// One download of a page: the core of downloads over what a browser has, and what becomes of the file when it is whole.
import { HoldfastError } from "@holdfast/protocol";
import type { TokenSource } from "../auth.ts";
import { startDownload } from "../download.ts";
import type { WatchedTransfer } from "../events.ts";
import type { CheckpointStore, Ports } from "../ports.ts";
import { createKeeping } from "./keeping.ts";
import type { SentDownload } from "./messages.ts";
import {
  createBrowserSink,
  createDisk,
  type Disk,
  forgetWorking,
  keyOfWorking,
  workingName,
} from "./sink.ts";
import { sweepDownloads } from "./sweep-downloads.ts";
import { identityOf, type UnfinishedDownload } from "./unfinished-downloads.ts";

export interface BrowserDownload {
  readonly transfer: WatchedTransfer;
  /** What was kept, once it is complete; undefined where it went to a place of its own. @throws HoldfastError `sink_failed` */
  whole(): Promise<File | undefined>;
}

interface Wanted extends Omit<SentDownload, "token"> {
  readonly token: TokenSource | undefined;
  readonly inFlight: number | undefined;
  readonly owner: string | undefined;
}

interface Around {
  readonly ports: Ports;
  /** The store that this download is to have, by which other tabs hear of it. */
  readonly claiming: (store: CheckpointStore) => CheckpointStore;
}

/** `turn` resolves when it may begin. */
export function startBrowserDownload(
  { url, options, token, place, inFlight, owner }: Wanted,
  { ports, claiming }: Around,
  turn: () => Promise<void>,
): BrowserDownload {
  const disk: Disk = createDisk(navigator.storage);
  const identity = identityOf(url, owner);
  const sink = createBrowserSink({ identity, place }, { ...ports, disk, keeping });
  const transfer = startDownload(
    async () => {
      await turn();
      // Only what has been there for long, and only once a page: it hinders nothing that it fails.
      swept ??= sweepDownloads(disk, { ...ports, keeping }).catch(() => undefined);
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
  return { transfer, whole: sink.whole };
}

let swept: Promise<void> | undefined;
const keeping = createKeeping(navigator.locks);

/** Forgets one that is not whole, and all there is of it. @throws HoldfastError `transfer_busy` where a tab is at it, `checkpoint_failed`, `sink_failed` */
export async function forgetDownload(
  ports: Pick<Ports, "checkpoints">,
  { key, root }: Pick<UnfinishedDownload, "key" | "root">,
): Promise<void> {
  const before = () => ports.checkpoints.remove(key);
  await removeWorking(ports, workingName(key, root), before);
}

/** Of a whole one that this page still has: from now on, in the place of a worker that is gone. */
export function keepWorking(name: string): Promise<void> {
  return keeping.keep(name);
}

/** Of a whole one that this page has: no longer. The last that has it removes it. @throws HoldfastError as `forgetDownload` */
export async function dropWorking(ports: Pick<Ports, "checkpoints">, name: string): Promise<void> {
  await removeWorking(ports, name, () => keeping.letGo(name));
}

async function removeWorking(
  { checkpoints }: Pick<Ports, "checkpoints">,
  name: string,
  before: () => Promise<void>,
): Promise<void> {
  const key = keyOfWorking(name);
  if (key === undefined) throw new HoldfastError("internal", "that is no working file");
  const release = await checkpoints.claim(key);
  try {
    await before();
    if (await keeping.isKept(name)) return;
    await forgetWorking(await createDisk(navigator.storage).folder(), name, checkpoints);
  } finally {
    release();
  }
}
