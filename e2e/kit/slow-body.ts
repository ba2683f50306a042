// Requests whose body stops or never comes: bytes written to a socket by hand.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./wire.ts";

/** Opens a connection, sends head and the first `bytes` of the body, and leaves it open. */
export async function openBody(port: number, what: Ask, bytes: number): Promise<Socket> {
  const { body = "" } = what;
  const whole =
    typeof body === "string"
      ? Buffer.from(body)
      : Buffer.from(body.buffer, body.byteOffset, body.length);
  const head = [
    `${what.method} ${what.path} HTTP/1.1`,
    "host: 127.0.0.1",
    `content-length: ${whole.length}`,
    ...Object.entries(what.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  const socket = connect(port, "127.0.0.1");
  // What becomes of the connection is for the test to look at; a reset is one of the ways it may end.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await new Promise((resolve) => socket.write(whole.subarray(0, bytes), resolve));
  return socket;
}

/** Sends raw text and resolves with what comes back until the server closes, or until nothing came for `quietMs`. */
export async function sendRaw(port: number, text: string, quietMs = 2_000): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const pieces: Buffer[] = [];
  const ended = new Promise<void>((resolve) => {
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
  });
  socket.write(text, "latin1");
  await Promise.race([ended, sleep(quietMs)]);
  socket.destroy();
  return Buffer.concat(pieces).toString("latin1");
}
