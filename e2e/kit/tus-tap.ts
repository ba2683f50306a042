// Stands before a server and writes down what its answers say: every offset, in the order in which they went out, and every upload that was created.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Told {
  /** As they were told, one after the other. */
  readonly offsets: readonly number[];
  /** What `Location` said. */
  readonly created: readonly string[];
}

export interface Tap extends Told {
  readonly port: number;
  close(): void;
}

/** Of one upload at a time: whose offsets they are is not looked at. */
export async function startTap(targetPort: number): Promise<Tap> {
  const offsets: number[] = [];
  const created: string[] = [];
  const sockets = new Set<Socket>();
  const listen = (head: string): void => {
    const offset = /^upload-offset: (\d+)$/im.exec(head)?.[1];
    const location = /^location: (.+)$/im.exec(head)?.[1];
    if (offset !== undefined) offsets.push(Number(offset));
    if (location !== undefined) created.push(location);
  };
  const server = createServer((client) => {
    const target = connect(targetPort, "127.0.0.1");
    let text = "";
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.resetAndDestroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    target.on("data", (bytes: Buffer) => {
      // No answer of tus but a refusal has a body, and none of those has these fields in it.
      text += bytes.toString("latin1");
      const heads = text.split("\r\n\r\n");
      text = heads.pop() ?? "";
      for (const head of heads) listen(head.replaceAll("\r", ""));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    offsets,
    created,
    port: typeof address === "object" && address ? address.port : 0,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
