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

/**
 * Replaces the file: a crash at any moment leaves the old one or the new one, never a part of it. Returns when the new one survives power loss.
 *
 * One writer at a time: whoever calls this holds the lock of what it writes. @throws what the file system says.
 */
export function replaceFile(path: string, text: string): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  // Exclusive, so that nothing that somebody put there, such as a link, is written through.
  const file = openSync(fresh, "wx", 0o600);
  try {
    // On a full disk a single write may take only a part, and say so by its count alone.
    writeFileSync(file, text);
    giveToOwner(path, (uid, gid) => fchownSync(file, uid, gid));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** What root writes for a server that runs as somebody else must be that one's, or the server could not read it. */
export function giveToOwner(path: string, chown: (uid: number, gid: number) => void): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid !== 0) chown(uid, gid);
}
