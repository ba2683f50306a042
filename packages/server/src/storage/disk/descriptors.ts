// Open files, shared and counted: opened once however many ask, kept while in use, the idle ones closed from the longest unused on.
import type { Access, Caching, Fs, OpenFile } from "./fs.ts";

/** How a file is opened; each way of one path is a descriptor of its own. */
export interface Opening {
  readonly path: string;
  readonly access: Access;
  readonly caching: Caching;
}

export interface Descriptors {
  /** Runs `task` on the open file, which stays open until the task has settled. Rejects as `open` or the task does. */
  use<T>(opening: Opening, task: (file: OpenFile) => Promise<T>): Promise<T>;
  /** The open file, which stays open until `end` is called. */
  lend(opening: Opening): { readonly file: Promise<OpenFile>; readonly end: () => void };
  /** Resolves when all files of a path are closed, each as soon as nobody uses it. A use that begins later opens afresh. */
  close(path: string): Promise<void>;
  closeAll(): Promise<void>;
  /** Files that are open or being opened. */
  open(): number;
}

interface Descriptor {
  readonly key: string;
  readonly path: string;
  readonly file: Promise<OpenFile>;
  uses: number;
  /** Called when the last user has left; set once it is to be closed. */
  onIdle?: () => void;
}

/**
 * @param openMax Files kept open at once; more only while more are in use.
 * @param onCrowded Called when a file is opened above `openMax` and none is idle: whoever holds files may let them go.
 */
export function createDescriptors(
  fs: Pick<Fs, "open">,
  openMax: number,
  onCrowded: () => void,
): Descriptors {
  // In the order of their last use: a Map keeps insertions in order.
  const byKey = new Map<string, Descriptor>();
  const closing = new Map<Descriptor, Promise<void>>();

  const enter = (opening: Opening): Descriptor => {
    const key = keyOf(opening);
    const known = byKey.get(key);
    if (known) {
      byKey.delete(key);
      byKey.set(key, known);
      known.uses++;
      return known;
    }
    if (byKey.size >= openMax) makeRoom();
    const { path, access, caching } = opening;
    const opened: Descriptor = { key, path, file: fs.open(path, access, caching), uses: 1 };
    byKey.set(key, opened);
    // The users learn of it themselves; whoever comes after them tries again.
    opened.file.catch(() => forget(opened));
    return opened;
  };

  const leave = (descriptor: Descriptor) => {
    descriptor.uses--;
    if (descriptor.uses === 0) descriptor.onIdle?.();
  };

  const forget = (descriptor: Descriptor) => {
    if (byKey.get(descriptor.key) === descriptor) byKey.delete(descriptor.key);
  };

  const makeRoom = () => {
    for (const descriptor of byKey.values()) {
      if (byKey.size < openMax) return;
      // Nothing waits for this close and nothing unflushed hangs on it: what holds unflushed bytes is in use.
      if (descriptor.uses === 0) close(descriptor).catch(() => undefined);
    }
    if (byKey.size >= openMax) onCrowded();
  };

  const close = (descriptor: Descriptor): Promise<void> => {
    forget(descriptor);
    const closed = closeUnused(descriptor).finally(() => closing.delete(descriptor));
    closing.set(descriptor, closed);
    return closed;
  };

  const closeWhere = async (isChosen: (descriptor: Descriptor) => boolean) => {
    for (const descriptor of [...byKey.values()].filter(isChosen)) close(descriptor);
    const chosen = [...closing].filter(([descriptor]) => isChosen(descriptor));
    await Promise.all(chosen.map(([, closed]) => closed));
  };

  return {
    async use(opening, task) {
      const descriptor = enter(opening);
      try {
        return await task(await descriptor.file);
      } finally {
        leave(descriptor);
      }
    },
    lend(opening) {
      const descriptor = enter(opening);
      let isLent = true;
      const end = () => {
        if (isLent) leave(descriptor);
        isLent = false;
      };
      return { file: descriptor.file, end };
    },
    close: (path) => closeWhere((descriptor) => descriptor.path === path),
    closeAll: () => closeWhere(() => true),
    open: () => byKey.size + closing.size,
  };
}

async function closeUnused(descriptor: Descriptor): Promise<void> {
  if (descriptor.uses > 0) {
    await new Promise<void>((resolve) => {
      descriptor.onIdle = resolve;
    });
  }
  // One that could not be opened has told its users so, and has nothing to close.
  const file = await descriptor.file.catch(() => undefined);
  await file?.close();
}

/** A file that exists and one to be created are the same descriptor once open. */
function keyOf({ path, access, caching }: Opening): string {
  return `${path} ${access === "read" ? "r" : "w"} ${caching}`;
}
