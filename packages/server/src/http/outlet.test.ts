// A connection as the kernel knows it: told only while nothing that Node has to send could come behind what goes past it.
import { writeSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { MIB } from "@holdfast/protocol";
import { afterEach, beforeEach, expect, it } from "vitest";
import { outletOf } from "./outlet.ts";

let server: Server;
let client: Socket;
const replies: ServerResponse[] = [];
beforeEach(async () => {
  replies.length = 0;
  server = createServer((_, res) => replies.push(res));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  client = connect(typeof address === "object" && address ? address.port : 0, "127.0.0.1");
});
afterEach(() => {
  client.destroy();
  server.closeAllConnections();
  server.close();
});

async function replyAt(index: number): Promise<ServerResponse> {
  await expect.poll(() => replies.length).toBeGreaterThan(index);
  const reply = replies[index];
  if (!reply) throw new Error("there is no reply");
  return reply;
}

function descriptorOf(res: ServerResponse): number | "none" | undefined {
  const way = outletOf(res).begin(1);
  return typeof way === "object" ? way.descriptor : way;
}

const REQUEST = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

it("a connection has no descriptor while anything is to be sent before, and none once it is gone", async () => {
  client.pause();
  client.write(REQUEST);
  const res = await replyAt(0);
  const descriptor = () => descriptorOf(res);
  // More than both kernels keep: some of it stays with Node until somebody reads.
  const taken = new Promise<unknown>((resolve) => res.write(Buffer.alloc(32 * MIB), resolve));
  expect(descriptor()).toBeUndefined();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(descriptor()).toBeUndefined();
  client.resume();
  await taken;
  expect(descriptor()).toBeGreaterThan(2);
  res.socket?.destroy();
  expect(descriptor()).toBeUndefined();
});

it("a reply that waits behind another one has none", async () => {
  client.resume().write(REQUEST + REQUEST);
  const [first, second] = [await replyAt(0), await replyAt(1)];
  await new Promise((resolve) => first.write("a", resolve));
  expect(descriptorOf(first)).toBeGreaterThan(2);
  expect(descriptorOf(second)).toBeUndefined();
  first.end();
  await new Promise((resolve) => second.write("b", resolve));
  expect(descriptorOf(first)).toBeUndefined();
  expect(descriptorOf(second)).toBeGreaterThan(2);
});

it("a connection whose number Node calls otherwise has no way past the pieces at all", async () => {
  client.resume().write(REQUEST);
  const res = await replyAt(0);
  await new Promise((resolve) => res.write("a", resolve));
  const handle: unknown = Reflect.get(Object(res.socket), "_handle");
  Object.defineProperty(handle, "fd", { value: undefined });
  expect(descriptorOf(res)).toBe("none");
});

it("a chunk that went past Node ends at once: some clients hand nothing on before it does", async () => {
  let got = "";
  client.on("data", (piece: Buffer) => {
    got += piece.toString("latin1");
  });
  client.write(REQUEST);
  const res = await replyAt(0);
  await new Promise((resolve) => res.write("", resolve));
  const outlet = outletOf(res);
  for (const bytes of ["hello", "you"]) {
    const way = outlet.begin(bytes.length);
    if (typeof way !== "object") throw new Error("there is no way past Node");
    outlet.took(writeSync(way.descriptor, bytes));
  }
  const chunks = "5\r\nhello\r\n3\r\nyou\r\n";
  await expect.poll(() => got.slice(got.indexOf("\r\n\r\n") + 4)).toBe(chunks);
  expect(outlet.end()).toBe(true);
  res.end();
  await expect.poll(() => got.slice(got.indexOf("\r\n\r\n") + 4)).toBe(`${chunks}0\r\n\r\n`);
});
