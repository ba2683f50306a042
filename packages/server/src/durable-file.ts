// A small file that is replaced as a whole, durably, and only its owner may read: keys and tokens.
import {
  closeSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** The calls of the system that it is made of; a test lets each of them fail. */
export interface FileCalls {
  readonly openSync: (path: string, flags: "r" | "wx", mode?: number) => number;
  readonly writeFileSync: (file: number, text: string) => void;
  readonly fsyncSync: (file: number) => void;
  readonly closeSync: (file: number) => void;
  readonly renameSync: (from: string, to: string) => void;
}

const SYSTEM: FileCalls = { openSync, writeFileSync, fsyncSync, closeSync, renameSync };

/**
 * Replaces the file: a crash at any moment leaves the old one or the new one, never a part of it. Returns when the new one survives power loss.
 *
 * One writer at a time: whoever calls this holds the lock of what it writes. @throws what the file system says.
 */
export function replaceFile(path: string, text: string, calls: FileCalls = SYSTEM): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  try {
    // Exclusive, so that nothing that somebody put there, such as a link, is written through.
    const file = calls.openSync(fresh, "wx", 0o600);
    try {
      // On a full disk a single write may take only a part, and say so by its count alone.
      calls.writeFileSync(file, text);
      giveToOwner(path, (uid, gid) => fchownSync(file, uid, gid));
      calls.fsyncSync(file);
    } finally {
      calls.closeSync(file);
    }
    calls.renameSync(fresh, path);
  } catch (error) {
    // A part of it may be a secret, and takes room where there is none.
    rmSync(fresh, { force: true });
    throw error;
  }
  const directory = calls.openSync(dirname(path), "r");
  try {
    calls.fsyncSync(directory);
  } finally {
    calls.closeSync(directory);
  }
}

/** What root writes for a server that runs as somebody else must be that one's, or the server could not read it. */
export function giveToOwner(path: string, chown: (uid: number, gid: number) => void): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid !== 0) chown(uid, gid);
}
