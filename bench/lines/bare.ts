// What a line gives to bare TCP: bytes over a few connections into a process that throws them away. Nothing that keeps and checks them can be faster.
import { connect, createServer } from "node:net";

const [role = "", host = "", ...numbers] = process.argv.slice(2);
const [port = 0, size = 0, streams = 1] = numbers.map(Number);

if (role === "sink") {
  // Half open, so that the answer comes when everything has.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("data", () => undefined).on("end", () => socket.end("x"));
    socket.on("error", () => undefined);
  });
  server.listen(0, host, () => {
    const address = server.address();
    const listening = typeof address === "object" && address ? address.port : 0;
    console.log(JSON.stringify({ event: "listening", port: listening }));
  });
} else {
  const bytes = Buffer.alloc(Math.ceil(size / streams));
  const began = performance.now();
  const answered = Array.from({ length: streams }, () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(port, host, () => socket.end(bytes));
    socket.on("data", () => resolve()).on("error", reject);
    return promise;
  });
  await Promise.all(answered);
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ event: "complete", seconds }));
}
