import { randomBytes } from "node:crypto";
import { KIB, MIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import {
  answer,
  first,
  type Interposer,
  interpose,
  type Meddle,
  problem,
} from "@holdfast/testkit/interposer";
import { startProxy } from "@holdfast/testkit/proxy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "../node/index.ts";
import { makePlace, next, type Place, record, type Server } from "../node/testing/place.ts";

const PART = 256 * KIB;

let place: Place;
let server: Server;
let meddle: Meddle;
let proxy: Interposer;

beforeEach(async () => {
  place = makePlace(serve);
  server = await place.serve();
  meddle = () => undefined;
  proxy = place.keep(await interpose(server.url, (...args) => meddle(...args)));
});
afterEach(() => place.clear());

function client() {
  return createClient({ stateDir: place.stateDir });
}

/** Pieces of random sizes, as a pipe gives them. */
async function* piecesOf(bytes: Buffer, most = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + ((bytes.readUInt8(at) * 997) % most);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function fetched(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

describe("an upload of a stream", () => {
  it.each([0, 1, PART - 1, PART, PART + 1, 4 * PART, 40 * PART + 12_345])(
    "of %i bytes arrives whole",
    async (size) => {
      const bytes = randomBytes(size);
      const options = { to: server.url, name: "stdin", partSize: PART };
      const transfer = client().uploadStream(piecesOf(bytes), options);
      const progress = record(transfer, "progress");
      const result = await transfer.done;
      expect(result).toMatchObject({ size, bytesSent: size, bytesCommitted: size });
      expect((await fetched(result.url)).equals(bytes)).toBe(true);
      expect(progress.at(-1)).toMatchObject({ committed: size, size, sent: 0 });
      const told = progress.map(({ committed }) => committed);
      expect(told).toEqual([...told].sort((a, b) => a - b));
    },
  );

  it("keeps what is not committed, and sends what is missing of it again, over a line that cuts", async () => {
    const bytes = randomBytes(6 * MIB + 1);
    const line = place.keep(
      await startProxy({
        targetPort: server.port,
        fate: (index) =>
          index % 2 === 1 ? { kind: "cut", afterBytes: 700_000 } : { kind: "well" },
      }),
    );
    const options = { to: line.url, name: "stdin", partSize: PART };
    const transfer = client().uploadStream(piecesOf(bytes), options);
    const troubles = record(transfer, "retry");
    const result = await transfer.done;
    expect(troubles.length).toBeGreaterThan(0);
    expect((await fetched(`${server.url}/v1/files/${result.id}`)).equals(bytes)).toBe(true);
    expect(result.bytesSent).toBeLessThan(2 * bytes.length);
  });

  it("gets through byte by byte where every connection is cut before a part is through", async () => {
    const bytes = randomBytes(6 * MIB + 77);
    const line = place.keep(
      await startProxy({
        targetPort: server.port,
        // As lines are: what a cut finds in the buffers of a line without a pace would be most of it.
        line: { bytesPerSecond: 4 * MIB },
        fate: () => ({ kind: "cut", afterBytes: 600 * KIB }),
      }),
    );
    const options = { to: line.url, name: "stdin", partSize: MIB };
    const transfer = client().uploadStream(piecesOf(bytes), options);
    const progress = record(transfer, "progress");
    const result = await transfer.done;
    expect((await fetched(`${server.url}/v1/files/${result.id}`)).equals(bytes)).toBe(true);
    const told = progress.map(({ committed }) => committed);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    // What connections carry counts, though none of them carries a part.
    expect(new Set(told).size).toBeGreaterThan(9);
    expect(told.at(-1)).toBe(bytes.length);
    // Four runs of two tries each were lost, until it was known.
    expect(line.totals().up).toBeLessThan(bytes.length + 8 * 600 * KIB + 2 * MIB);
  });

  it("sends parts again once the line has got better", async () => {
    const bytes = randomBytes(20 * MIB);
    const line = place.keep(
      await startProxy({
        targetPort: server.port,
        fate: (index) => (index < 12 ? { kind: "cut", afterBytes: 600 * KIB } : { kind: "well" }),
      }),
    );
    const between = place.keep(await interpose(line.url));
    const options = { to: between.url, name: "stdin", partSize: MIB };
    const result = await client().uploadStream(piecesOf(bytes), options).done;
    expect((await fetched(`${server.url}/v1/files/${result.id}`)).equals(bytes)).toBe(true);
    const bodies = between.seen.flatMap(({ method }) =>
      /^P(?:UT|ATCH)$/.test(method) ? [method] : [],
    );
    expect(bodies).toContain("PATCH");
    expect(bodies.at(-1)).toBe("PUT");
  });

  it("keeps below what a proxy takes, and says so where that takes nothing", async () => {
    const bytes = randomBytes(5 * MIB);
    let limit = 400 * KIB;
    const refused = answer(413, { "content-type": "text/html" });
    meddle = ({ headers }) => (Number(headers["content-length"]) > limit ? refused : undefined);
    const options = { to: proxy.url, name: "stdin", partSize: MIB };
    const result = await client().uploadStream(piecesOf(bytes), options).done;
    expect((await fetched(result.url)).equals(bytes)).toBe(true);
    expect(proxy.count("PUT", "/parts/")).toBeLessThan(12);
    // Without appends no part of that size gets through.
    meddle = ({ method, headers }) => {
      if (method === "PATCH") return answer(501, {});
      return Number(headers["content-length"]) > limit ? refused : undefined;
    };
    const parts = client().uploadStream(piecesOf(bytes), options).done;
    await expect(parts).rejects.toMatchObject({ code: "request_too_large" });
    meddle = ({ headers }) => (Number(headers["content-length"]) > limit ? refused : undefined);
    limit = KIB;
    const done = client().uploadStream(piecesOf(bytes), options).done;
    await expect(done).rejects.toMatchObject({ code: "request_too_large" });
  });

  it("survives an answer that is lost, at create, at a part and at complete", async () => {
    const bytes = randomBytes(3 * PART + 5);
    const lost = new Set(["/v1/uploads", "/parts/", "/complete"]);
    const inner = proxy.url;
    // The server does it, and its answer does not come.
    meddle = (request) => {
      const path = [...lost].find(
        (one) => request.url?.includes(one) && (one !== "/v1/uploads" || request.url === one),
      );
      if (path === undefined) return undefined;
      lost.delete(path);
      return (incoming, response) => {
        const pieces: Buffer[] = [];
        incoming.on("data", (piece: Buffer) => pieces.push(piece));
        incoming.on("end", () => {
          const { method = "", headers, url = "" } = incoming;
          const body = Buffer.concat(pieces);
          const kept = Object.entries(headers).filter(
            ([name]) => !/^(?:connection|host)$/.test(name),
          );
          void fetch(new URL(url, server.url), {
            method,
            headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
            ...(body.length > 0 ? { body } : {}),
          }).finally(() => response.destroy());
        });
      };
    };
    const options = { to: inner, name: "stdin", partSize: PART };
    const result = await client().uploadStream(piecesOf(bytes), options).done;
    expect(lost.size).toBe(0);
    expect((await fetched(result.url)).equals(bytes)).toBe(true);
  });

  it("sends what comes slowly without waiting for more, and is paused and resumed", async () => {
    const bytes = randomBytes(3 * PART);
    const gate = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, PART);
      yield bytes.subarray(PART, 2 * PART);
      await gate.promise;
      yield bytes.subarray(2 * PART);
    }
    const transfer = client().uploadStream(slow(), { to: server.url, name: "x", partSize: PART });
    await next(transfer, "progress", ({ committed }) => committed === 2 * PART);
    expect(transfer.state).toBe("sending");
    transfer.pause();
    expect(transfer.state).toBe("paused");
    gate.resolve();
    transfer.resume();
    expect((await fetched((await transfer.done).url)).equals(bytes)).toBe(true);
  });

  it("takes an expectation for what it is", async () => {
    const bytes = randomBytes(2 * PART);
    const sizes = async (expectedSize: number) => {
      const options = { to: server.url, name: "x", partSize: PART, expectedSize };
      const transfer = client().uploadStream(piecesOf(bytes), options);
      const progress = record(transfer, "progress");
      await transfer.done;
      for (const { committed, sent, size } of progress) {
        expect(committed + sent).toBeLessThanOrEqual(size ?? Infinity);
      }
      return progress.map(({ size }) => size);
    };
    expect((await sizes(10 * PART))[0]).toBe(10 * PART);
    expect((await sizes(10 * PART)).at(-1)).toBe(2 * PART);
    expect(await sizes(PART)).toContain(undefined);
  });

  it.each([
    ["aborted", "aborted"],
    ["broken", "source_unreadable"],
    ["refused", "forbidden"],
  ])("that is %s leaves nothing on the server", async (how, code) => {
    async function* source(): AsyncGenerator<Buffer> {
      yield randomBytes(2 * PART);
      if (how === "broken") throw new Error("the pipe broke");
      await new Promise(() => undefined);
    }
    const transfer = client().uploadStream(source(), { to: proxy.url, name: "x", partSize: PART });
    const { url } = await next(transfer, "created");
    if (how === "aborted") transfer.abort();
    if (how === "refused") meddle = first(9, "PUT", "/parts/", problem(403, "forbidden"));
    await expect(transfer.done).rejects.toMatchObject({ code });
    expect(transfer.state).toBe(how === "aborted" ? "aborted" : "failed");
    const status = await fetch(url);
    expect(await status.json()).toMatchObject({ state: "aborted" });
  });

  it("gives up where it is told to", async () => {
    const options = { to: "http://127.0.0.1:1", name: "x", giveUpMs: 10 };
    const done = client().uploadStream(piecesOf(randomBytes(9)), options).done;
    await expect(done).rejects.toMatchObject({ code: "gave_up" });
  });
});

describe("a download into a stream", () => {
  async function makeFile(size: number): Promise<{ url: string; bytes: Buffer }> {
    const { path, bytes } = place.file("source", size);
    const { url } = await client().upload(path, { to: server.url, partSize: PART }).done;
    return { url: url.replace(server.url, proxy.url), bytes };
  }

  function collector() {
    const pieces: Buffer[] = [];
    const write = async (bytes: Uint8Array) => void pieces.push(Buffer.from(bytes));
    return { write, bytes: () => Buffer.concat(pieces) };
  }

  it.each([0, 1, PART, 30 * PART + 7])("of %i bytes comes whole and in order", async (size) => {
    const { url, bytes } = await makeFile(size);
    const { write, bytes: got } = collector();
    const transfer = client().downloadStream(url, write);
    const progress = record(transfer, "progress");
    expect(await transfer.done).toMatchObject({ size, bytesSent: size });
    expect(got().equals(bytes)).toBe(true);
    expect(progress.at(-1)).toMatchObject({ committed: size, size });
  });

  it("lets no byte through that is not what the manifest says", async () => {
    const { url, bytes } = await makeFile(8 * PART);
    let spoiled = 0;
    const evil = place.keep(
      await interpose(
        server.url,
        () => undefined,
        (request, piece) => {
          // Once, in the second half.
          if (spoiled > 0 || !/bytes=1\d{6}/.test(String(request.headers["range"]))) return piece;
          spoiled++;
          return Buffer.from(piece.map((byte) => byte ^ 1));
        },
      ),
    );
    const { write, bytes: got } = collector();
    await client().downloadStream(url.replace(proxy.url, evil.url), write).done;
    expect(spoiled).toBe(1);
    expect(got().equals(bytes)).toBe(true);
  });

  it("asks again for what is missing of a run that was cut, and holds up nothing for ever", async () => {
    const { url, bytes } = await makeFile(20 * PART);
    let cuts = 0;
    meddle = (request) =>
      request.method === "GET" && request.headers["range"] && cuts++ % 3 === 0
        ? (_request, response) => response.destroy()
        : undefined;
    const { write, bytes: got } = collector();
    await client().downloadStream(url, write).done;
    expect(got().equals(bytes)).toBe(true);
  });

  it("waits for whoever reads, in bounded memory", async () => {
    const { url, bytes } = await makeFile(60 * PART);
    let taken = 0;
    const gate = Promise.withResolvers<void>();
    const write = async (piece: Uint8Array) => {
      taken += piece.length;
      await gate.promise;
    };
    const transfer = client().downloadStream(url, write);
    const asked = () => proxy.seen.filter(({ headers }) => headers["range"]).length;
    await expect.poll(asked).toBe(4);
    await fetched(`${server.url}/livez`);
    expect([asked(), taken]).toEqual([4, PART]);
    gate.resolve();
    await transfer.done;
    expect(taken).toBe(bytes.length);
  });

  it("ends where whoever reads does, and where the file changes meanwhile", async () => {
    const { url } = await makeFile(20 * PART);
    const closed = client().downloadStream(url, async () => {
      throw new Error("nobody reads any more");
    });
    await expect(closed.done).rejects.toMatchObject({ code: "internal" });
    meddle = (request) =>
      request.headers["range"] ? answer(412, { "holdfast-version": "1" }) : undefined;
    const changed = client().downloadStream(url, async () => undefined);
    await expect(changed.done).rejects.toMatchObject({ code: "precondition_failed" });
  });
});
