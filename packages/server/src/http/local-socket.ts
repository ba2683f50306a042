// A socket in the file system, for proxies and programs on this machine: who may open it says the directory, not a port.
import { chmod, lstat, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { isMainThread } from "node:worker_threads";
import type { Log } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

/** Its owner and its group. */
const MODE = 0o660;
/** Everybody else. */
const OTHERS = 0o007;

/**
 * Resolves once connections are accepted at `path`. What a process that was killed has left there is removed; what somebody listens on stays.
 * @throws HoldfastError `address_in_use`, `usage` where there can be no socket
 */
export async function listenLocally(server: Server, path: string, log: Log): Promise<void> {
  try {
    await listenAt(server, path);
  } catch (cause) {
    if (codeOf(cause) !== "EADDRINUSE" || !(await isLeft(path))) throw listenError(cause, path);
    await unlink(path);
    await listenAt(server, path).catch((again: unknown) => {
      throw listenError(again, path);
    });
  }
  server.on("error", (error) => log("error", "cannot accept a connection", { error }));
  await chmod(path, MODE);
}

async function listenAt(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    withoutOthers(() => {
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  });
}

/**
 * The socket is there within this call, with what the process's mask leaves of all rights. Only those of others are taken away here: the mask is that of the whole process, and
 * something else may be made just now. Worker threads cannot change it.
 */
function withoutOthers(listen: () => void): void {
  const before = process.umask();
  if (isMainThread) process.umask(before | OTHERS);
  try {
    listen();
  } finally {
    if (isMainThread) process.umask(before);
  }
}

/** Whether there is a socket at which nobody listens. */
async function isLeft(path: string): Promise<boolean> {
  const there = await lstat(path).catch(() => undefined);
  if (there?.isSocket() !== true) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function listenError(cause: unknown, path: string): HoldfastError {
  const isTaken = codeOf(cause) === "EADDRINUSE";
  const message = isTaken ? `${path} is in use` : `cannot listen on ${path} (${codeOf(cause)})`;
  return new HoldfastError(isTaken ? "address_in_use" : "usage", message, { path }, cause);
}
