// The server to compare with: @tus/server over its file store, as its documentation sets it up. Prints where it listens.
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [directory = ".", host = "127.0.0.1"] = process.argv.slice(2);
const server = new Server({ path: "/files", datastore: new FileStore({ directory }) });
const http = server.listen({ host, port: 0 }, () => {
  const address = http.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const url = `http://${host}:${port}`;
  console.log(JSON.stringify({ event: "listening", url, pid: process.pid }));
});
