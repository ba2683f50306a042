// Which words have the server called before the program is loaded.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { callServer } from "./call-server.ts";

let server: Server;
let address: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  address = `127.0.0.1:${typeof at === "object" && at ? at.port : 0}`;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  await once(server, "close");
});

it("is called where a file is to come from it, and is sent nothing", async () => {
  const sent: unknown[] = [];
  server.on("connection", (socket) => socket.on("data", (bytes) => sent.push(bytes)));
  await callServer(["download", "--json", `http://${address}/v1/files/x`, "-o", "copy"]);
  while (sockets.length < 2) await once(server, "connection");
  expect(sent).toEqual([]);
});

it("is left alone where the words ask for nothing of it", async () => {
  const file = `http://${address}/v1/files/x`;
  await callServer([]);
  await callServer(["download"]);
  await callServer(["download", file, "--dry-run"]);
  await callServer(["download", "--help", file]);
  await callServer(["verify", file]);
  await callServer(["download", `https://${address}/v1/files/x`]);
  await callServer(["download", `http://name:word@${address}/v1/files/x`]);
  // Whoever was called before is there by the time that this one is.
  const own = connect(Number(address.split(":")[1]), "127.0.0.1");
  await once(own, "connect");
  const isThere = () => sockets.some(({ remotePort }) => remotePort === own.localPort);
  while (!isThere()) await once(server, "connection");
  expect(sockets).toHaveLength(1);
  own.destroy();
});
