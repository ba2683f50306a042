import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer as createTcp } from "node:net";
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import type { Connection, TransportRequest } from "../ports.ts";
import { listenForTests } from "./testing/listening.ts";
import { createNodeTransport } from "./transport.ts";

const transport = createNodeTransport();
const { servers, listen, http } = listenForTests(transport);

function ask(url: string, request: Partial<TransportRequest> = {}) {
  return transport.request({
    method: request.body ? "PUT" : "GET",
    url,
    headers: {},
    signal: new AbortController().signal,
    grant: (wanted) => wanted,
    onConnected: () => undefined,
    onSent: () => undefined,
    ...request,
  });
}

describe("a body", () => {
  it("goes out view by view, whole, told of byte by byte", async () => {
    const received: Buffer[] = [];
    const url = await http((request, response) => {
      request.on("data", (piece: Buffer) => received.push(piece));
      request.on("end", () => response.end(request.headers["content-length"]));
    });
    const body = [Buffer.alloc(3 * MIB, 1), Buffer.alloc(0), Buffer.alloc(5, 2)];
    let sent = 0;
    const onSent = (bytes: number) => {
      sent += bytes;
    };
    const pieces: Uint8Array[] = [];
    const response = await ask(url, { body, onSent });
    await response.read((piece) => void pieces.push(piece));
    expect(Buffer.concat(pieces).toString()).toBe(String(3 * MIB + 5));
    expect(Buffer.concat(received).equals(Buffer.concat(body))).toBe(true);
    expect(sent).toBe(3 * MIB + 5);
  });

  it("goes out as fast as it is granted", async () => {
    const url = await http((request, response) => request.resume().on("end", () => response.end()));
    const granted: number[] = [];
    const grant = async (wanted: number) => {
      granted.push(Math.min(wanted, 7));
      return Math.min(wanted, 7);
    };
    await ask(url, { body: [Buffer.alloc(50)], grant });
    expect(granted).toEqual([7, 7, 7, 7, 7, 7, 7, 1]);
  });

  it("is not referred to any more once an early answer is there", async () => {
    const url = await http((_, response) => response.writeHead(409).end("too early"));
    let sent = 0;
    const body = [Buffer.alloc(64 * MIB)];
    const response = await ask(url, { body, onSent: (bytes) => (sent += bytes) });
    expect(response.status).toBe(409);
    const told = sent;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBe(told);
    expect(sent).toBeLessThan(64 * MIB);
  });

  it("is not referred to any more once the request was aborted", async () => {
    const url = await listen(createTcp((socket) => void socket.pause()));
    const { signal, abort } = stopper();
    let sent = 0;
    const request = ask(url, {
      body: [Buffer.alloc(64 * MIB)],
      signal,
      onSent(bytes) {
        sent += bytes;
        abort();
      },
    });
    await expect(request).rejects.toThrow("stopped");
    const told = sent;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBe(told);
  });

  it("ends with the error of whoever grants it", async () => {
    const url = await http((request) => request.resume());
    const grant = async () => {
      throw new Error("no more");
    };
    await expect(ask(url, { body: [Buffer.alloc(9)], grant })).rejects.toMatchObject({
      code: "connection_failed",
      message: "no more",
    });
  });
});

function stopper() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("stopped")) };
}

/** Answers of many bytes come another way: by connections of our own. */
const WAYS: readonly (readonly [string, Partial<TransportRequest>])[] = [
  ["an answer", {}],
  ["an answer of many bytes", { room: () => undefined }],
];

describe.each(WAYS)("%s", (_, way) => {
  it("is handed over piece by piece, the next one when the last is done with", async () => {
    const url = await http((_, response) => response.end(Buffer.alloc(3 * MIB, 7)));
    const response = await ask(url, way);
    let bytes = 0;
    let isTaking = false;
    await response.read(async (piece) => {
      expect(isTaking).toBe(false);
      isTaking = true;
      await new Promise((resolve) => setImmediate(resolve));
      bytes += piece.length;
      isTaking = false;
    });
    expect(bytes).toBe(3 * MIB);
  });

  it("that is cut short is an error, not an end", async () => {
    const url = await http((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("only this", () => response.destroy());
    });
    const response = await ask(url, way);
    await expect(response.read(() => undefined)).rejects.toMatchObject({
      code: "connection_failed",
    });
  });

  it("settles only when nothing is taken any more", async () => {
    const url = await http((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("only this");
    });
    const { signal, abort } = stopper();
    const response = await ask(url, { ...way, signal });
    let isTaking = false;
    const read = response.read(async () => {
      isTaking = true;
      abort();
      await new Promise((resolve) => setTimeout(resolve, 20));
      isTaking = false;
    });
    await expect(read).rejects.toThrow("stopped");
    expect(isTaking).toBe(false);
  });

  it("that was ended is no whole one, though all of it has come", async () => {
    const url = await http((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write(Buffer.alloc(50), () => setTimeout(() => response.end(Buffer.alloc(50)), 20));
    });
    const { signal, abort } = stopper();
    const response = await ask(url, { ...way, signal });
    let bytes = 0;
    const read = response.read(async (piece) => {
      bytes += piece.length;
      // By then the rest waits behind this piece.
      await new Promise((resolve) => setTimeout(resolve, 200));
      abort();
    });
    await expect(read).rejects.toThrow("stopped");
    expect(bytes).toBe(50);
  });

  it("ends where whoever takes it throws", async () => {
    const url = await http((_, response) => response.end(Buffer.alloc(MIB)));
    for (const take of [
      () => {
        throw new Error("full");
      },
      async () => {
        throw new Error("full");
      },
    ]) {
      const response = await ask(url, way);
      await expect(response.read(take)).rejects.toMatchObject({ message: "full" });
    }
  });

  it("leaves the connection for the next request", async () => {
    let connections = 0;
    const url = await http((request, response) => {
      request.resume().on("end", () => response.end("x"));
    });
    servers[0]?.on("connection", () => connections++);
    for (let times = 0; times < 3; times++) {
      const response = await ask(
        url,
        times === 1 || way.room ? way : { body: [Buffer.alloc(MIB)] },
      );
      await response.read(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connections).toBe(1);
  });
});

describe("an answer of few bytes", () => {
  it("leaves its bytes to whoever else in this process looks at it", async () => {
    const url = await http((_, response) => response.end(Buffer.alloc(3 * MIB, 7)));
    const traced: Buffer[] = [];
    const raw: Buffer[] = [];
    const trace = (message: unknown) => {
      const { response } = message as { response: IncomingMessage };
      response.on("data", (piece: Buffer) => traced.push(piece));
      response.socket.on("data", (piece: Buffer) => raw.push(piece));
    };
    subscribe("http.client.response.finish", trace);
    try {
      for (const wait of [undefined, Promise.resolve()]) {
        const response = await ask(url);
        await response.read(() => wait);
      }
    } finally {
      unsubscribe("http.client.response.finish", trace);
    }
    expect(Buffer.concat(traced).equals(Buffer.alloc(6 * MIB, 7))).toBe(true);
    expect(Buffer.concat(raw).length).toBeGreaterThan(5 * MIB);
  });
});

describe("what carries a request", () => {
  it("is told: made for it, or one that has carried others", async () => {
    const url = await http((request, response) => {
      request.resume().on("end", () => response.end("x"));
    });
    const told: Connection[] = [];
    const onConnected = (connection: Connection) => void told.push(connection);
    for (const body of [[Buffer.alloc(9)], [Buffer.alloc(9)], undefined]) {
      const response = await ask(url, { onConnected, ...(body ? { body } : {}) });
      await response.read(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(told).toEqual(["made", "reused", "reused"]);
  });

  it("is told for an answer of many bytes too", async () => {
    const url = await http((_, response) => void response.end("x"));
    const told: Connection[] = [];
    for (let times = 0; times < 3; times++) {
      const room = () => undefined;
      const response = await ask(url, { room, onConnected: (one) => void told.push(one) });
      await response.read(() => undefined);
    }
    expect(told).toEqual(["made", "reused", "reused"]);
  });

  it("is not there before TLS has shaken hands", async () => {
    const silent = createTcp();
    const greeted = once(silent, "connection").then(([socket]) => once(socket, "data"));
    const url = await listen(silent);
    const told: Connection[] = [];
    const stopper = new AbortController();
    const asked = ask(url.replace("http:", "https:"), {
      signal: stopper.signal,
      onConnected: (connection) => void told.push(connection),
    });
    await greeted;
    stopper.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    expect(told).toEqual([]);
  });
});

describe.each(WAYS)("a request fails before %s", (_, way) => {
  it("where nothing listens", async () => {
    const url = await http(() => undefined);
    const server = servers.pop();
    server?.close();
    await expect(ask(url, way)).rejects.toMatchObject({
      code: "connection_failed",
      details: { refused: true },
    });
  });

  it("where the connection is closed without an answer", async () => {
    const url = await listen(createTcp((socket) => socket.once("data", () => socket.destroy())));
    for (const body of [undefined, [Buffer.alloc(MIB)]]) {
      await expect(ask(url, body ? { body } : way)).rejects.toMatchObject({
        code: "connection_failed",
        details: { refused: false },
      });
    }
  });

  it("with the reason of whoever stops it", async () => {
    const url = await http(() => undefined);
    const { signal, abort } = stopper();
    const request = ask(url, { ...way, signal });
    abort();
    await expect(request).rejects.toThrow("stopped");
    await expect(ask(url, { ...way, signal })).rejects.toThrow("stopped");
  });
});

describe("the wrong one of http and https", () => {
  it("is told of where a server speaks no TLS", async () => {
    const url = await http((_, response) => void response.end());
    await expect(ask(url.replace("http:", "https:"))).rejects.toMatchObject({
      code: "wrong_address",
      message: expect.stringContaining("http"),
    });
  });

  it("is told of where a server answers with a TLS alert", async () => {
    const alert = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);
    const url = await listen(
      createTcp((socket) => {
        socket.on("error", () => undefined).once("data", () => socket.end(alert));
      }),
    );
    await expect(ask(url)).rejects.toMatchObject({
      code: "wrong_address",
      message: expect.stringContaining("https"),
    });
  });
});

describe("a request that is ended", () => {
  it("leaves nothing behind that the kernel would go on sending", async () => {
    const seen = Promise.withResolvers<string>();
    const url = await listen(
      createTcp((socket) => {
        // Nobody reads: what was taken from the client stays where it is.
        socket.pause();
        socket.on("error", (error: NodeJS.ErrnoException) => seen.resolve(error.code ?? "?"));
        socket.on("close", (hadError) => seen.resolve(hadError ? "error" : "end"));
        setTimeout(() => socket.resume(), 200);
      }),
    );
    const stopping = new AbortController();
    const asked = ask(url, { body: [Buffer.alloc(8 * MIB)], signal: stopping.signal });
    setTimeout(() => stopping.abort(new Error("enough")), 50);
    await expect(asked).rejects.toThrow("enough");
    expect(await seen.promise).toBe("ECONNRESET");
  });
});
