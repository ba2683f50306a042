// A line to a server on which every request's head can be read, bytes are counted, and any answer can be broken off.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TappedRequest {
  /** The first line, without the version. */
  readonly target: string;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface Tap {
  readonly url: string;
  /** In the order in which they came, over whichever connection. */
  readonly requests: readonly TappedRequest[];
  /** Connections so far. */
  connections(): number;
  /** Bytes that the server's answers had, heads included. */
  down(): number;
  /** The next connection over which so many bytes have come down ends there: as a server ends that has closed it, or with a reset. */
  breakAfter(bytes: number, how: "closed" | "reset"): void;
  close(): Promise<void>;
}

export async function tapTo(port: number): Promise<Tap> {
  const requests: TappedRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let down = 0;
  let breaking: { readonly bytes: number; readonly how: "closed" | "reset" } | undefined;

  const server = createServer((client) => {
    connections++;
    const upstream = connect(port, "127.0.0.1");
    let own = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (bytes: Buffer) => {
      const request = headOf(bytes.toString("latin1"));
      if (request) requests.push(request);
      upstream.write(bytes);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("data", (bytes: Buffer) => {
      const left = breaking ? Math.max(0, breaking.bytes - own) : bytes.length;
      const isOver = breaking !== undefined && left < bytes.length;
      const passed = isOver ? bytes.subarray(0, left) : bytes;
      own += passed.length;
      down += passed.length;
      if (!client.write(passed)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      }
      if (!isOver) return;
      const { how } = breaking ?? { how: "closed" };
      breaking = undefined;
      upstream.destroy();
      if (how === "closed") client.end();
      else client.resetAndDestroy();
    });
    upstream.on("end", () => client.end());
    upstream.on("close", () => client.destroySoon());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    requests,
    connections: () => connections,
    down: () => down,
    breakAfter: (bytes, how) => {
      breaking = { bytes, how };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Of a piece that begins a request; clients send a head in one piece. */
function headOf(text: string): TappedRequest | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const [, target] = /^([A-Z]+ \S+) HTTP\/1\.1$/.exec(first) ?? [];
  if (target === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    if (line === "") break;
    const at = line.indexOf(":");
    headers.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  return { target, headers };
}
