// A file that is read through the page cache: what is there need not be waited for, and the kernel sends it by itself.
import type { Outlet } from "@holdfast/engine";
import type { OpenFile } from "./fs.ts";
import { openPageCache, type PageCache } from "./page-cache.ts";
import { createTurns, type Turns } from "./turns.ts";

const turns: Turns = createTurns();

/** Looked for when the first file is read. */
let pageCache: PageCache | "none" | undefined;

export function pageCacheOf(): PageCache | undefined {
  pageCache ??= openPageCache() ?? "none";
  return pageCache === "none" ? undefined : pageCache;
}

/** Milliseconds after the last read from the disk in which pages may still be on their way: 8 MiB that were read ahead take a slow disk less. */
const COMING_MS = 3_000;

/**
 * One that is whole: what the cache does not have, the kernel brings there, and more besides that it takes to be wanted next. While that may be on its way each page is asked for; else they are counted,
 * which costs less.
 */
export function cachedFile(
  file: OpenFile,
  fd: number,
  cache: PageCache | undefined = pageCacheOf(),
): OpenFile {
  if (!cache) return file;
  let comingUntil = 0;
  return {
    ...file,
    async pread(into, start, size, offset) {
      const count = await copyNow(cache, fd, into, start, size, offset);
      if (count > 0) return count;
      comingUntil = performance.now() + COMING_MS;
      return file.pread(into, start, size, offset);
    },
    async send(outlet, offset, size) {
      const turn = turns.enter();
      if (turn) await turn;
      const count = sendNow(cache, fd, outlet, { offset, size }, () => {
        const isThere = cache.has(fd, offset, size);
        const mayBeComing = isThere === true && performance.now() < comingUntil;
        return mayBeComing ? cache.hasCome(fd, offset, size) : isThere;
      });
      return count === "absent" ? undefined : count;
    },
  };
}

/** What is read at once to bring it into the cache: nobody looks at it there, so that all of it goes to the same memory. */
const BRING_SIZE = 1024 * 1024;
const NOWHERE = new Uint8Array(256 * 1024);

interface Coming {
  readonly start: number;
  readonly end: number;
  readonly done: Promise<void>;
}

/**
 * One that still grows beside the cache: what has its last bytes is brought there by whoever sends it first, in whole pages, and nothing besides. A page that is not all written yet must not come there; one
 * that is written once more is dropped by the kernel (docs/adr/0035).
 *
 * `pread` gives what is there now, and 0 where that is nothing.
 */
export function exactFile(
  file: OpenFile,
  fd: number,
  cache: PageCache,
  readv: (pieces: readonly Uint8Array[], offset: number) => Promise<number>,
): OpenFile {
  const { page } = cache;
  const under: Set<Coming> = new Set();
  /** Times since something was sent that bytes were brought. */
  let brought = 0;
  /** What was there when somebody was sent it. */
  let found = { start: 0, end: 0, at: Number.NEGATIVE_INFINITY };

  /** Those who hear of news together are sent it one after another: one of them looks for all. */
  function isThere(start: number, end: number): boolean | undefined {
    const now = performance.now();
    if (found.start <= start && end <= found.end && now - found.at < FOUND_MS) return true;
    const isFound = cache.has(fd, start, end - start);
    if (isFound) found = { start, end, at: now };
    return isFound;
  }

  async function read(start: number, end: number): Promise<void> {
    for (let at = start; at < end; ) {
      const pieces: Uint8Array[] = [];
      for (let left = Math.min(BRING_SIZE, end - at); left > 0; left -= NOWHERE.length) {
        pieces.push(NOWHERE.subarray(0, left));
      }
      const count = await readv(pieces, at);
      if (count === 0) return;
      at += count;
    }
  }

  function comingAt(start: number): Promise<void> | undefined {
    for (const one of under) if (one.start <= start && start < one.end) return one.done;
    return undefined;
  }

  function bring(start: number, end: number): Promise<void> {
    brought++;
    const coming = { start, end, done: read(start, end).finally(() => under.delete(coming)) };
    under.add(coming);
    return coming.done;
  }

  return {
    ...file,
    pread: (into, start, size, offset) => copyNow(cache, fd, into, start, size, offset),
    async send(outlet, offset, size) {
      const end = offset + size - ((offset + size) % page);
      if (end <= offset) return undefined;
      const wanted = { offset, size: end - offset };
      const start = offset - (offset % page);
      for (let look = 1; ; look++) {
        // On its way: there is nothing to look for yet.
        const coming = comingAt(start);
        if (coming) await coming;
        const turn = turns.enter();
        if (turn) await turn;
        const count = sendNow(cache, fd, outlet, wanted, () => isThere(offset, end));
        // What cannot go this way at all, no reading helps.
        if (count !== "absent") {
          brought = 0;
          return count;
        }
        if (look === LOOKS || brought >= VAIN_MAX) return undefined;
        // Others may have begun to while this one waited for its turn.
        await (comingAt(start) ?? bring(start, end));
      }
    },
  };
}

/** Milliseconds in which what was found is taken to be there still: the kernel drops nothing so soon that was just used, or it is read once more. */
const FOUND_MS = 50;
/** Whether bytes are there: before they are brought, after somebody else has brought others that begin where they do, and after they were brought. */
const LOOKS = 3;
/** So often in vain, and it is left alone until it is opened again: some file systems never say at once what they have (tmpfs, NFS, one that lies over another), and a memory that is short keeps nothing. */
const VAIN_MAX = 8;

async function copyNow(
  cache: PageCache,
  fd: number,
  into: Uint8Array,
  start: number,
  size: number,
  offset: number,
): Promise<number> {
  const turn = turns.enter();
  if (turn) await turn;
  let count = 0;
  try {
    count = cache.read(fd, into, start, size, offset);
  } finally {
    turns.spend(count);
  }
  return count;
}

interface Wanted {
  readonly offset: number;
  readonly size: number;
}

/** For who has a turn. */
function sendNow(
  cache: PageCache,
  fd: number,
  outlet: Outlet,
  { offset, size }: Wanted,
  look: () => boolean | undefined,
): number | "absent" | undefined {
  let count = 0;
  try {
    const isThere = look();
    if (!isThere) return isThere === false ? "absent" : undefined;
    // Asked for last of all: after any wait the number may be another connection's.
    const way = outlet.begin(size);
    if (way === "none") return undefined;
    const went = way ? cache.send(fd, way.descriptor, offset, Math.min(size, way.most)) : 0;
    count = went ?? 0;
    outlet.took(count);
    return went;
  } finally {
    turns.spend(count);
  }
}
