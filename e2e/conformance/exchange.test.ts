// The hand that sends and reads, against a server that says exactly what a test wants: interim answers, chunks, cuts, silence.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { freePort } from "@holdfast/testkit/free-port";
import { afterEach, describe, expect, test } from "vitest";
import { createExchanger, type Request } from "./exchange.ts";

let server: Server | undefined;
const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
  server?.close();
  server = undefined;
});

/** Resolves with its address; `talk` hears each connection. */
async function serve(talk: (socket: Socket) => void): Promise<URL> {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    open.push(socket);
    socket.on("error", () => socket.destroy());
    talk(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/files?x=1`);
}

function request(url: URL, rest: Partial<Request> = {}): Request {
  return { method: "POST", url, fields: [], body: "", sending: { kind: "length" }, ...rest };
}

/** Answers each connection with these bytes, and hands on all that came once the client has ended or the answer is out. */
async function answering(
  text: string,
  rest: Partial<Request> = {},
): Promise<{ readonly outcome: unknown; readonly sent: string }> {
  let sent = "";
  const url = await serve((socket) => {
    socket.on("data", (bytes: Buffer) => {
      sent += bytes.toString("latin1");
      if (sent.includes("\r\n\r\n")) socket.end(text, "latin1");
    });
  });
  const exchange = createExchanger(5_000)(request(url, rest));
  return { outcome: await exchange.outcome, sent };
}

/**
 * A server that wants no more of a body: it answers, and ends after `ms` with a reset, as Go's does at once where the connection was to be closed anyway, and half a
 * second later where not. On a thread of its own, so that it may come between any two steps of who sends.
 */
const refusing = (ms: number) => `
  const { parentPort } = require("node:worker_threads");
  const server = require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
    const reset = () => socket.resetAndDestroy();
    socket.on("error", () => socket.destroy());
    socket.once("data", () => {
      const answer = "HTTP/1.1 400 Bad Request\\r\\nContent-Length: 0\\r\\n\\r\\n";
      if (${ms} === 0) socket.write(answer, reset);
      else socket.end(answer, () => setTimeout(reset, ${ms}));
    });
    socket.resume();
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

const EMPTY = "HTTP/1.1 204 No Content\r\n\r\n";

describe("what comes back", () => {
  test("has every interim answer, and the headers as they came", async () => {
    const { outcome } = await answering(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 104 X\r\nlOCATION: /a\r\n\r\nHTTP/1.1 201 Created\r\nA: 1\r\na:  2 \r\nContent-Length: 2\r\n\r\nok`,
    );
    expect(outcome).toMatchObject({
      kind: "answer",
      answer: {
        status: 201,
        interim: [
          { status: 100, fields: [] },
          { status: 104, fields: [["lOCATION", "/a"]] },
        ],
        fields: [
          ["A", "1"],
          ["a", "2"],
          ["Content-Length", "2"],
        ],
        body: "ok",
      },
    });
  });

  test.each([
    [
      "chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ],
    ["until the end", "HTTP/1.1 200 OK\r\n\r\nabcde"],
  ])("has a body in %s", async (_, text) => {
    expect((await answering(text)).outcome).toMatchObject({ answer: { body: "abcde" } });
  });

  test.each([
    ["at once", 0, 200],
    ["two seconds later", 2_000, 1],
  ])("is seen while a body is being sent, where a reset comes %s", async (_, ms, times) => {
    const worker = new Worker(refusing(ms), { eval: true });
    try {
      const [port] = await once(worker, "message");
      const endless = request(new URL(`http://127.0.0.1:${port}/`), {
        body: "hello",
        sending: { kind: "repeat", times: Number.POSITIVE_INFINITY },
      });
      for (let time = 0; time < times; time++) {
        const { outcome, sent } = createExchanger(60_000)(endless);
        expect(await outcome).toMatchObject({ kind: "answer", answer: { status: 400 } });
        await sent;
      }
    } finally {
      await worker.terminate();
    }
  });

  test("has no body after HEAD, whatever Content-Length says", async () => {
    const { outcome } = await answering("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", {
      method: "HEAD",
    });
    expect(outcome).toMatchObject({ answer: { status: 200, body: "" } });
  });

  test.each([
    ["what is no HTTP", "SSH-2.0-x\r\n\r\n", /no HTTP/],
    ["a head that is cut", "HTTP/1.1 200 OK\r\nA: 1", /the connection ended/],
    [
      "a body that is cut",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      /body ended after 3 B/,
    ],
    ["a header that is none", "HTTP/1.1 200 OK\r\nA B: 1\r\n\r\n", /no header/],
  ])("is silence where it is %s", async (_, text, why) => {
    const { outcome } = await answering(text);
    expect(outcome).toMatchObject({ kind: "silence", why: expect.stringMatching(why) });
  });

  test("is silence after the patience is over, and where nobody listens", async () => {
    const url = await serve(() => undefined);
    const late = await createExchanger(50)(request(url)).outcome;
    expect(late).toEqual({ kind: "silence", why: "none within 0.05 s", isLate: true });
    const nowhere = new URL(`http://127.0.0.1:${await freePort()}/`);
    const refused = await createExchanger(5_000)(request(nowhere)).outcome;
    expect(refused).toMatchObject({ kind: "silence", why: expect.stringContaining("REFUSED") });
  });
});

describe("what goes out", () => {
  test("is the request line, the headers in their order and case, and the body", async () => {
    const { sent } = await answering(EMPTY, {
      method: "PATCH",
      fields: [
        ["uPLOAD-oFFSET", "0"],
        ["B", ""],
      ],
      body: "hello",
    });
    expect(sent).toMatch(/^PATCH \/files\?x=1 HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
    expect(sent).toContain("\r\nuPLOAD-oFFSET: 0\r\nB: \r\nContent-Length: 5\r\n");
  });

  test("has trailers behind chunks", async () => {
    const all = Promise.withResolvers<string>();
    const url = await serve((socket) => {
      let sent = "";
      socket.on("data", (bytes: Buffer) => {
        sent += bytes.toString("latin1");
        if (!sent.endsWith("T: 1\r\n\r\n")) return;
        all.resolve(sent);
        socket.end(EMPTY);
      });
    });
    const sending = { kind: "chunked", trailers: [["T", "1"]] } as const;
    const { outcome } = createExchanger(5_000)(request(url, { body: "hello", sending }));
    expect(await all.promise).toMatch(/Trailer: T\r\n.*\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\n$/s);
    expect(await outcome).toMatchObject({ answer: { status: 204 } });
  });

  test("waits for 100 where it is expected", async () => {
    const heads: string[] = [];
    const url = await serve((socket) => {
      socket.once("data", (head: Buffer) => {
        heads.push(head.toString("latin1"));
        socket.once("data", (body: Buffer) => {
          heads.push(body.toString("latin1"));
          socket.end(EMPTY);
        });
        socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      });
    });
    const exchange = createExchanger(5_000)(
      request(url, { body: "hello", sending: { kind: "continue" } }),
    );
    expect(await exchange.outcome).toMatchObject({ answer: { interim: [{ status: 100 }] } });
    expect(heads[0]).toMatch(/Expect: 100-continue\r\n.*\r\n\r\n$/s);
    expect(heads[1]).toBe("hello");
  });

  test("ends in the middle where it is cut, and stays open where it is held", async () => {
    const ends: string[] = [];
    const ended = Promise.withResolvers<void>();
    const url = await serve((socket) => {
      let sent = "";
      socket.on("data", (bytes: Buffer) => {
        sent += bytes.toString("latin1");
      });
      socket.on("end", () => {
        ends.push(sent);
        ended.resolve();
        socket.end();
      });
    });
    const exchange = createExchanger(5_000);
    const held = exchange(
      request(url, { body: "held", sending: { kind: "held", size: 11, name: "x" } }),
    );
    await held.sent;
    await exchange(request(url, { body: "cut", sending: { kind: "cut", size: 11 } })).sent;
    await ended.promise;
    expect(ends).toHaveLength(1);
    expect(ends[0]).toMatch(/Content-Length: 11\r\n.*\r\n\r\ncut$/s);
    held.close();
    expect(await held.outcome).toMatchObject({ kind: "silence" });
  });

  test("trickles until an interim answer has what is waited for", async () => {
    const url = await serve((socket) => {
      let pieces = 0;
      socket.on("data", (bytes: Buffer) => {
        const text = bytes.toString("latin1");
        pieces += text.split("piece").length - 1;
        if (text.endsWith("0\r\n\r\n"))
          socket.end(`HTTP/1.1 201 Created\r\nPieces: ${pieces}\r\n\r\n`);
        else if (pieces === 2) socket.write("HTTP/1.1 104 X\r\nUpload-Offset: 2\r\n\r\n");
      });
    });
    const sending = { kind: "trickle", until: "Upload-Offset", times: 1_000 } as const;
    const { outcome } = createExchanger(20_000)(request(url, { body: "piece", sending }));
    expect(await outcome).toMatchObject({ answer: { status: 201, interim: [{ status: 104 }] } });
  });
});
