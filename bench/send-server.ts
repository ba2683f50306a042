// The server of files to compare with: `send`, which Express serves files by, on the same Node. Prints where it listens.
import { createServer } from "node:http";
import send from "send";

const [root = "."] = process.argv.slice(2);
const http = createServer((request, response) => {
  send(request, request.url ?? "/", { root }).pipe(response);
});
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  const port = typeof address === "object" && address ? address.port : 0;
  console.log(JSON.stringify({ event: "listening", port }));
});
