// A small disk for one server: a tmpfs in a mount namespace of its own, which goes when the server goes.
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Command, startProgram } from "@holdfast/testkit/process";

const MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"';

/** What to start a program with so that it, and nobody else, sees a tmpfs of that size at `directory`. */
export function smallDisk(directory: string, size: number): readonly string[] {
  // Only root may mount; everybody else gets a user namespace where it is root.
  const isRoot = process.getuid?.() === 0;
  const unshare = ["unshare", "--mount", ...(isRoot ? [] : ["--user", "--map-root-user"])];
  return [...unshare, "sh", "-c", MOUNT, "sh", `${size}`, directory];
}

/** Holds such a disk, so that servers may come and go on it: each is started with `onDiskOf`. Goes when it is killed. */
export async function holdDisk(directory: string, size: number): Promise<Command> {
  const words = ["sh", "-c", 'echo "{\\"event\\":\\"mounted\\"}" && exec sleep 600'];
  const holder = startProgram(words, { wrapper: smallDisk(directory, size) });
  await holder.event("mounted");
  return holder;
}

/** What to start a program with so that it sees the disk of another process. */
export function onDiskOf({ pid }: { readonly pid: number }): readonly string[] {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
  return ["nsenter", "--target", `${pid}`, "--mount", ...user, "--"];
}

/** A path inside the disk of a process, seen from outside. */
export function pathInside(pid: number, path: string): string {
  return join(`/proc/${pid}/root`, path);
}

/** Writes zeros until nothing more goes in, but for `leave` bytes. */
export async function fillDisk(path: string, leave: number): Promise<void> {
  const file = await open(path, "w");
  const zeros = Buffer.alloc(64 * 1024);
  try {
    while ((await file.write(zeros)).bytesWritten === zeros.length) {
      // Until the disk says no, by an error or by a short write.
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  } finally {
    const { size } = await file.stat();
    await file.truncate(Math.max(0, size - leave));
    await file.close();
  }
}

export async function makeRoom(path: string): Promise<void> {
  await stat(path);
  await rm(path);
}
