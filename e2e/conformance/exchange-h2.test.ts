// The hand that sends and reads by HTTP/2, against a server that says exactly what a test wants.
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Request } from "./exchange.ts";
import { createH2Exchanger } from "./exchange-h2.ts";

let server: Http2Server | undefined;
afterEach(() => server?.close());

type Talk = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void;

async function serve(talk: Talk): Promise<URL> {
  server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    talk(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/files?x=1`);
}

function request(url: URL, rest: Partial<Request> = {}): Request {
  return { method: "POST", url, fields: [], body: "", sending: { kind: "length" }, ...rest };
}

const send = (wants: Request, patienceMs = 10_000) => createH2Exchanger(patienceMs)(wants);

test("interim answers, the answer and its body come as they were said", async () => {
  const seen: unknown[] = [];
  const url = await serve((stream, headers) => {
    seen.push(headers[":path"], headers["a"], headers["content-length"]);
    stream.additionalHeaders({ ":status": 104, location: "/a" });
    stream.respond({ ":status": 201, b: ["1", "2"] });
    stream.end("ok");
  });
  const fields = [["A", "x"]] as const;
  expect(await send(request(url, { fields, body: "hello" })).outcome).toMatchObject({
    kind: "answer",
    answer: {
      status: 201,
      interim: [{ status: 104, fields: [["location", "/a"]] }],
      fields: expect.arrayContaining([["b", "1, 2"]]),
      body: "ok",
    },
  });
  expect(seen).toEqual(["/files?x=1", "x", "5"]);
});

test("a body in chunks has no length, and its trailers come behind it", async () => {
  const trailers = Promise.withResolvers<unknown>();
  const url = await serve((stream, headers) => {
    expect([headers["content-length"], headers["trailer"]]).toEqual([undefined, "T"]);
    stream.on("trailers", (fields) => trailers.resolve(fields["t"]));
    stream.resume().on("end", () => stream.respond({ ":status": 204 }, { endStream: true }));
  });
  const sending = { kind: "chunked", trailers: [["T", "1"]] } as const;
  const { outcome } = send(request(url, { body: "hello", sending }));
  expect(await trailers.promise).toBe("1");
  expect(await outcome).toMatchObject({ answer: { status: 204 } });
});

test("a body waits for 100 where it is expected", async () => {
  const url = await serve((stream, headers) => {
    expect(headers["expect"]).toBe("100-continue");
    stream.additionalHeaders({ ":status": 100 });
    stream.resume().on("end", () => stream.respond({ ":status": 204 }, { endStream: true }));
  });
  const { outcome } = send(request(url, { body: "hello", sending: { kind: "continue" } }));
  expect(await outcome).toMatchObject({ answer: { interim: [{ status: 100 }] } });
});

test("a stream that is cut, held for too long, or refused is silence", async () => {
  const cut = Promise.withResolvers<void>();
  const url = await serve((stream, headers) => {
    stream.on("aborted", () => cut.resolve());
    if (headers["refuse"] !== undefined) stream.close(7);
    else stream.resume();
  });
  const ends = send(request(url, { body: "cut", sending: { kind: "cut", size: 11 } }));
  await ends.sent;
  await cut.promise;
  expect(await ends.outcome).toMatchObject({ kind: "silence" });
  const sending = { kind: "held", size: 11, name: "x", patienceMs: 50 } as const;
  expect(await send(request(url, { body: "held", sending })).outcome).toEqual({
    ...{ kind: "silence", why: "none within 0.05 s", isLate: true },
  });
  const refused = await send(request(url, { fields: [["refuse", "1"]] })).outcome;
  expect(refused).toMatchObject({ kind: "silence", why: expect.stringContaining("REFUSED") });
});

test("a body comes again and again until there is an answer", async () => {
  let bytes = 0;
  const url = await serve((stream) => {
    stream.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > 1_000_000 && !stream.headersSent) {
        stream.respond({ ":status": 413 });
        stream.end();
      }
    });
  });
  const sending = { kind: "repeat", times: 1_000_000 } as const;
  const { outcome } = send(request(url, { body: "x".repeat(65_536), sending }), 20_000);
  expect(await outcome).toMatchObject({ answer: { status: 413 } });
});
