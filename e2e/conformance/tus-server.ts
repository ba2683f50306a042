// @tus/server as a process of its own, which it says where it listens: `node tus-server.ts DIRECTORY MAX_SIZE`.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [, , directory = "", maxSize = ""] = process.argv;
const DAY_MS = 86_400_000;

// Streams that were cut end its process now and then ("ReadableStream is already closed"). The rows are about what it answers.
process.on("uncaughtException", (error) =>
  console.error(`@tus/server: uncaught: ${error.message}`),
);

// With an expiry, since it announces `expiration` and without one nothing would expire.
const datastore = new FileStore({ directory, expirationPeriodInMilliseconds: DAY_MS });
const options = { path: "/files", datastore, maxSize: Number(maxSize) };
const http = new Server(options).listen({ host: "127.0.0.1", port: 0 });
await once(http, "listening");
const { port } = http.address() as AddressInfo;
console.log(JSON.stringify({ event: "listening", url: `http://127.0.0.1:${port}/files` }));
