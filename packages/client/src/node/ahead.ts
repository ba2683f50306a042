// Connections that a program calls for as it starts: to load the rest of it takes a part of the round trip in which a connection is made, and that carries nothing.
import { type BulkLine, isPlain, openLine, PREPARED_MS } from "./bulk-line.ts";

/** Connections that a file's first requests take: for what it is, and for its first bytes. */
export const FIRST = 2;

/** By the host that they lead to. */
const called = new Map<string, readonly BulkLine[]>();

/**
 * Calls for the connections of a download that is about to begin, where its address is one in the clear. Nothing goes over them before the download asks for something,
 * and a program that begins none after all need only end. Resolves when the calls are on their way, which Node would put off for as long as modules are loaded; never rejects.
 */
export async function callAhead(address: string): Promise<void> {
  if (!isPlain(address) || !URL.canParse(address)) return;
  const url = new URL(address);
  if (called.has(url.host)) return;
  const lines = Array.from({ length: FIRST }, () => openLine(url));
  for (const { socket } of lines) {
    socket.unref();
    // The program may have to wait for hours before it asks, or ask another server first.
    socket.setTimeout(PREPARED_MS, () => socket.destroy());
  }
  called.set(url.host, lines);
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

/** Those that were called for and are not lost yet, for whoever asks first. */
export function takeCalled(host: string): readonly BulkLine[] {
  const lines = called.get(host) ?? [];
  called.delete(host);
  return lines.filter(({ socket }) => !socket.destroyed);
}
