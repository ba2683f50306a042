// Answers of many bytes over connections of our own: what differs from node:http.
import { once } from "node:events";
import { createServer as createTcp } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { memoryOf } from "../buffers.ts";
import type { Connection, TransportRequest } from "../ports.ts";
import { callAhead, takeCalled } from "./ahead.ts";
import { listenForTests } from "./testing/listening.ts";
import { createNodeTransport } from "./transport.ts";

const transport = createNodeTransport();
const { servers, sockets, listen, http } = listenForTests(transport);

/** Sends these bytes to each request, one array after another in packets of their own. */
const raw = (...packets: readonly string[]) =>
  listen(
    createTcp((socket) => {
      socket.setNoDelay();
      socket.on("error", () => undefined);
      socket.on("data", async () => {
        for (const packet of packets) {
          socket.write(packet, "latin1");
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      });
    }),
  );

function ask(url: string, request: Partial<TransportRequest> = {}, by = transport) {
  return by.request({
    method: "GET",
    url,
    headers: {},
    room: () => undefined,
    signal: new AbortController().signal,
    grant: (wanted) => wanted,
    onConnected: () => undefined,
    onSent: () => undefined,
    ...request,
  });
}

async function readText(url: string, request: Partial<TransportRequest> = {}): Promise<string> {
  const response = await ask(url, request);
  let text = "";
  await response.read((piece) => {
    text += Buffer.from(piece).toString("latin1");
  });
  return text;
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

describe("an answer of many bytes", () => {
  it("goes where there is room for it, and elsewhere where there is none", async () => {
    const content = Buffer.from(Array.from({ length: 3 * MIB }, (_, at) => at % 251));
    const url = await http((_, response) => response.end(content));
    // As downloads have it, where it is to be written past the page cache.
    const memory = new Uint8Array(memoryOf("pages", content.length), 0, content.length);
    // Nothing for the second MiB.
    const room = (at: number) =>
      at >= MIB && at < 2 * MIB ? undefined : memory.subarray(at, at < MIB ? MIB : undefined);
    for (const isSlow of [false, true]) {
      memory.fill(0);
      const response = await ask(url, { room });
      let at = 0;
      let inPlace = 0;
      await response.read(async (piece) => {
        // All that is there is in this piece, however long it takes.
        if (isSlow) await turn();
        if (piece.buffer === memory.buffer) inPlace += piece.length;
        if (piece.buffer === memory.buffer) expect(piece.byteOffset).toBe(at);
        else memory.set(piece, at);
        at += piece.length;
      });
      expect(Buffer.compare(memory, content)).toBe(0);
      // But for what came with the head and right behind it.
      expect(inPlace).toBeGreaterThan(MIB);
      expect(inPlace).toBeLessThanOrEqual(2 * MIB);
    }
  });

  it("never reaches behind its end, nor behind the room", async () => {
    const url = await http((_, response) => response.end(Buffer.alloc(MIB, 1)));
    const memory = new Uint8Array(4 * MIB);
    for (let times = 0; times < 3; times++) {
      const room = (at: number) => memory.subarray(MIB + at, 3 * MIB);
      const response = await ask(url, { room });
      await response.read(() => undefined);
    }
    expect(memory.subarray(0, MIB).every((byte) => byte === 0)).toBe(true);
    expect(memory.subarray(2 * MIB).every((byte) => byte === 0)).toBe(true);
  });

  it("puts nothing anywhere once it was stopped", async () => {
    const url = await http((_, response) => {
      response.writeHead(200, { "content-length": String(64 * MIB) });
      response.write(Buffer.alloc(8 * MIB, 1));
    });
    const stopper = new AbortController();
    const memory = new Uint8Array(64 * MIB);
    const response = await ask(url, {
      room: (at) => memory.subarray(at, at + MIB),
      signal: stopper.signal,
    });
    let bytes = 0;
    const read = response.read((piece) => {
      bytes += piece.length;
      if (bytes > 2 * MIB) stopper.abort(new Error("stopped"));
    });
    await expect(read).rejects.toThrow("stopped");
    memory.fill(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(memory.every((byte) => byte === 2)).toBe(true);
  });

  it("may come in pieces of any size, its head too", async () => {
    const url = await raw(...`${HEAD}hello`);
    expect(await readText(url)).toBe("hello");
    expect(await readText(url)).toBe("hello");
  });

  it("may have no body", async () => {
    const url = await raw("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    const response = await ask(url);
    expect(response.status).toBe(404);
    await response.read(() => {
      throw new Error("nothing was there");
    });
  });

  it("tells its fields by their names", async () => {
    const url = await raw('HTTP/1.1 206 OK\r\nETag: "a"\r\nContent-Length: 5\r\n\r\nhello');
    const response = await ask(url, { headers: { range: "bytes=0-4" } });
    expect([response.status, response.header("etag"), response.header("age")]).toEqual([
      ...[206, '"a"', undefined],
    ]);
    await response.read(() => undefined);
  });

  it("comes over a connection that was made for it before, and another one over a second", async () => {
    let connections = 0;
    const url = await http((_, response) => response.end("hello"));
    servers[0]?.on("connection", () => connections++);
    transport.prepare?.(url);
    transport.prepare?.(url);
    const [one, other] = [await ask(url), await ask(url)];
    for (const response of [one, other]) await response.read(() => undefined);
    transport.prepare?.(url);
    expect(await readText(url)).toBe("hello");
    expect(connections).toBe(2);
  });

  it("comes over connections that were called for before there was a client, each of them once", async () => {
    let connections = 0;
    const url = await http((_, response) => response.end("hello"));
    servers[0]?.on("connection", () => connections++);
    await Promise.all([callAhead(url), callAhead(url)]);
    const late = createNodeTransport();
    try {
      late.prepare?.(url);
      const [one, other] = await Promise.all([ask(url, {}, late), ask(url, {}, late)]);
      for (const response of [one, other]) await response.read(() => undefined);
      expect(connections).toBe(2);
      // Nobody else gets what has an owner.
      expect(await readText(url)).toBe("hello");
      expect(connections).toBe(3);
    } finally {
      late.close();
    }
  });

  it("is not asked for over a connection that was called for long ago", async () => {
    const url = await http((_, response) => response.end("hello"));
    await callAhead(url);
    const taken = takeCalled(new URL(url).host);
    for (const { socket } of taken) {
      if (socket.connecting) await once(socket, "connect");
      expect(socket.timeout).toBe(4_000);
      const closed = once(socket, "close");
      socket.emit("timeout");
      await closed;
    }
    expect(taken).toHaveLength(2);
  });

  it("comes all the same where what was called for is lost, and where nothing can be called for", async () => {
    const url = await http((_, response) => response.end("hello"));
    await callAhead(url);
    while (sockets.size < 2) await turn();
    for (const socket of sockets) socket.resetAndDestroy();
    // Whoever asks before that is known finds out by asking, once for each.
    const told: string[] = [];
    for (let times = 0; times < 3; times++) told.push(await readText(url).catch(() => "lost"));
    expect(told.at(-1)).toBe("hello");
    for (const odd of ["https://127.0.0.1:1/", "http://a@127.0.0.1:1/", "http://none:0x/", "x"]) {
      await callAhead(odd);
    }
  });

  it("comes over a new connection where one that was made before is gone, or was refused", async () => {
    const url = await http((_, response) => response.end("hello"));
    transport.prepare?.(url);
    for (let closed = 0; closed < 2; ) {
      await turn();
      for (const socket of sockets) {
        if (socket.destroyed) continue;
        socket.destroy();
        closed++;
      }
    }
    for (let times = 0; times < 3; times++) await turn();
    expect(await readText(url)).toBe("hello");
    const gone = await listen(createTcp());
    const [server] = servers.splice(1);
    server?.close();
    transport.prepare?.(gone);
    transport.prepare?.("https://localhost:1/");
    transport.prepare?.("http://none:0x/");
    await expect(ask(gone)).rejects.toMatchObject({ code: "connection_failed" });
  });

  it("that is longer than it said is none", async () => {
    const url = await raw(`${HEAD}hello and more`);
    const response = await ask(url);
    await expect(response.read(() => undefined)).rejects.toMatchObject({
      code: "connection_failed",
    });
  });

  it("is asked for once more by node:http where it takes all of HTTP to read it", async () => {
    let connections = 0;
    const url = await http((_, response) => {
      // In chunks.
      response.write("hel");
      response.end("lo");
    });
    servers[0]?.on("connection", () => connections++);
    const told: Connection[] = [];
    const onConnected = (one: Connection) => void told.push(one);
    for (let times = 0; times < 3; times++) {
      expect(await readText(url, { onConnected, headers: { range: "bytes=0-4" } })).toBe("hello");
      await turn();
    }
    // Known from the first time on.
    expect(connections).toBe(2);
    expect(told).toEqual(["made", "reused", "reused"]);
  });
});

describe("a connection", () => {
  it("that its server has closed, or that has told of what nobody asked, is not used again", async () => {
    for (const late of ["", "more"]) {
      let connections = 0;
      const url = await listen(
        createTcp((socket) => {
          connections++;
          socket.on("error", () => undefined);
          socket.on("data", () => {
            socket.write(`${HEAD}hello`);
            setTimeout(() => (late ? socket.write(late) : socket.end()), 20);
          });
        }),
      );
      expect(await readText(url)).toBe("hello");
      await new Promise((resolve) => setTimeout(resolve, 60));
      expect(await readText(url)).toBe("hello");
      expect(connections).toBe(2);
    }
  });

  it("ends with an answer that says so", async () => {
    let connections = 0;
    const url = await http((_, response) => {
      response.writeHead(200, { connection: "close", "content-length": "5" }).end("hello");
    });
    servers[0]?.on("connection", () => connections++);
    for (let times = 0; times < 2; times++) expect(await readText(url)).toBe("hello");
    expect(connections).toBe(2);
  });

  it("carries one request at a time", async () => {
    let connections = 0;
    const url = await http((_, response) => response.end(Buffer.alloc(MIB)));
    servers[0]?.on("connection", () => connections++);
    const answers = await Promise.all([ask(url), ask(url), ask(url)]);
    for (const answer of answers) await answer.read(() => undefined);
    expect(connections).toBe(3);
    await readText(url);
    expect(connections).toBe(3);
  });
});

describe("a question", () => {
  it("says what was asked, and nothing that would break it", async () => {
    const asked: unknown[] = [];
    const url = await http(({ method, url: path, headers }, response) => {
      asked.push([method, path, headers["host"], headers["range"]]);
      response.end("x");
    });
    await readText(`${url}/a%20b?c=d#e`, { headers: { range: "bytes=0-1" } });
    expect(asked).toEqual([["GET", "/a%20b?c=d", url.slice("http://".length), "bytes=0-1"]]);
    for (const headers of [{ x: "a\r\ny: b" }, { "x\r\ny": "b" }]) {
      await expect(ask(url, { headers })).rejects.toMatchObject({ code: "connection_failed" });
    }
    expect(asked).toHaveLength(1);
  });
});
