// One malformed request on a connection of its own, and what came back.
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { FuzzCase } from "./mutate.ts";

export interface FuzzAnswer {
  /** In order; interim ones too. */
  readonly statuses: readonly number[];
  /** What is wrong with the answer, whatever was asked. */
  readonly complaint: string | undefined;
}

/** A server that has not closed a connection by then, although nothing more can come, hangs. */
const PATIENCE_MS = 20_000;

export async function sendCase(
  port: number,
  { bytes, splitAt, ending }: FuzzCase,
): Promise<FuzzAnswer> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const pieces: Buffer[] = [];
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    socket.destroy();
  }, PATIENCE_MS);
  const closed = new Promise<void>((resolve) => {
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    // A server may refuse and close before it has read everything: what it said before counts.
    socket.on("error", () => undefined);
    socket.on("end", () => resolve());
    socket.on("close", () => resolve());
  });
  socket.write(bytes.subarray(0, splitAt));
  if (splitAt !== undefined) {
    await wait(2);
    socket.write(bytes.subarray(splitAt));
  }
  if (ending === "reset") {
    await wait(1);
    socket.resetAndDestroy();
  } else {
    socket.end();
  }
  await closed;
  clearTimeout(timer);
  // Not with a reset: libuv refuses one behind a half-closed end and keeps the socket, and its event loop busy.
  socket.destroy();
  return judge(Buffer.concat(pieces).toString("latin1"), isLate);
}

function judge(text: string, isLate: boolean): FuzzAnswer {
  const heads = [...text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/g)];
  const statuses = heads.map(([, status]) => Number(status));
  return { statuses, complaint: complain(text, statuses, heads, isLate) };
}

function complain(
  text: string,
  statuses: readonly number[],
  heads: readonly RegExpExecArray[],
  isLate: boolean,
): string | undefined {
  if (isLate) return "the server neither answered nor closed";
  if (text !== "" && !text.startsWith("HTTP/1.1 ")) return `it is no HTTP: ${text.slice(0, 100)}`;
  const bad = statuses.find((status) => status >= 500);
  if (bad !== undefined) return `it answered ${bad}: ${text.slice(-600)}`;
  for (const [head, status, headers = ""] of heads) {
    if (Number(status) >= 200 && !/^holdfast-version: 1\r$/im.test(headers))
      return `no version: ${head}`;
    if (/^injected:/im.test(headers) || /evil\.example/.test(headers))
      return `it repeats what was sent: ${head}`;
  }
  return undefined;
}
