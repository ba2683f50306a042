// What is found of poolers on the way to PostgreSQL, by one that is played: it speaks as much of the protocol as the question takes.
import { createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { loadDriver } from "./connect.ts";
import { requireOwnSession } from "./pooler.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0).toReversed()) stop();
});

/** What a connection is told, and which process serves each of its questions. */
interface Played {
  readonly told: number;
  readonly serves: () => number;
}

function message(type: string, ...fields: readonly (Buffer | string | readonly [number, 2 | 4])[]) {
  const body = Buffer.concat(
    fields.map((field) => {
      if (Buffer.isBuffer(field)) return field;
      if (typeof field === "string") return Buffer.from(`${field}\0`);
      const [value, size] = field as readonly [number, 2 | 4];
      const bytes = Buffer.alloc(size);
      bytes.writeIntBE(value, 0, size);
      return bytes;
    }),
  );
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const READY = message("Z", Buffer.from("I"));

function answerOf(pid: number): Buffer {
  const text = Buffer.from(`${pid}`);
  return Buffer.concat([
    message("T", [1, 2], "pid", [0, 4], [0, 2], [23, 4], [4, 2], [-1, 4], [0, 2]),
    message("D", [1, 2], [text.length, 4], text),
    message("C", "SELECT 1"),
    READY,
  ]);
}

function play(socket: Socket, { told, serves }: Played): void {
  let waiting = Buffer.alloc(0);
  let isBegun = false;
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => {
    waiting = Buffer.concat([waiting, Buffer.from(bytes)]);
    for (;;) {
      const at = isBegun ? 1 : 0;
      if (waiting.length < at + 4) return;
      const end = at + waiting.readInt32BE(at);
      if (waiting.length < end) return;
      const type = isBegun ? String.fromCharCode(waiting[0] ?? 0) : "";
      waiting = waiting.subarray(end);
      if (!isBegun)
        socket.write(Buffer.concat([message("R", [0, 4]), message("K", [told, 4], [7, 4]), READY]));
      isBegun = true;
      if (type === "Q") socket.write(answerOf(serves()));
      if (type === "S")
        socket.write(Buffer.concat([message("1"), message("2"), answerOf(serves())]));
      if (type === "X") socket.end();
    }
  });
}

/** The n-th connection is as `played` says. */
async function look(played: (connection: number) => Played): Promise<number> {
  let connections = 0;
  const server = createServer((socket) => play(socket, played(++connections)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const driver = await loadDriver(`postgres://a:b@127.0.0.1:${port}/c`);
  const client = driver.createClient();
  client.on("error", () => undefined);
  await client.connect();
  stops.push(
    () => server.close(),
    () => void client.end(),
  );
  await requireOwnSession(client, driver);
  return connections;
}

it("asks nothing more where PostgreSQL itself answers", async () => {
  expect(await look((connection) => ({ told: connection, serves: () => connection }))).toBe(1);
});

it("takes a pooler that keeps a session for each client", async () => {
  const found = look((connection) => ({ told: 1000 + connection, serves: () => connection }));
  expect(await found).toBe(2);
});

let turns = 0;
it.each([
  ["two clients one after the other", () => 5],
  ["one client to another process each time", () => ++turns],
])("refuses one whose sessions serve %s", async (_, serves) => {
  const found = look((connection) => ({ told: 1000 + connection, serves }));
  await expect(found).rejects.toMatchObject({
    code: "metadata_unusable",
    details: { hint: expect.stringContaining("pool_mode = session") },
  });
});
