// Parts by signed requests, over HTTP: to this server's own addresses, and to a store of another origin.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  decodeUpload,
  errorRow,
  HoldfastError,
  KIB,
  MIB,
  toHoldfastError,
} from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { createVirtualClock } from "@holdfast/testkit/clock";
import {
  first,
  type Interposer,
  interpose,
  type Meddle,
  problem,
} from "@holdfast/testkit/interposer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodePorts } from "../node/client.ts";
import { createClient, download, type NodeOptions, upload } from "../node/index.ts";
import { openFileSource } from "../node/source.ts";
import { makePlace, next, type Place, record, type Server } from "../node/testing/place.ts";
import { uploadStill } from "../node/testing/still.ts";
import type { Source, Transport } from "../ports.ts";
import { recallLine, rememberLine } from "../recall.ts";
import { indexesOf } from "../sample.ts";
import { ALONE } from "../share.ts";
import { startUpload, type UploadOptions } from "../upload.ts";

const PART = 256 * KIB;
const SIZE = 24 * PART + 99;
const TOKEN = "a-token-that-nobody-else-has-0123456789";

let place: Place;
let server: Server;
beforeEach(async () => {
  place = makePlace(serve);
  server = await place.serve({ token: TOKEN });
});
afterEach(() => place.clear());

function send(path: string, to: string, options: Partial<UploadOptions> & NodeOptions = {}) {
  const usual = { partSize: PART, token: TOKEN, transfer: "direct", stateDir: place.stateDir };
  return upload(path, { to, ...usual, ...options } as UploadOptions & NodeOptions);
}

/** By a clock that stands still nothing is late, and so nothing is sent again because of that. */
function sendStill(path: string, to: string, options: Partial<UploadOptions> = {}) {
  const usual = { partSize: PART, token: TOKEN, transfer: "direct", stateDir: place.stateDir };
  return uploadStill(createVirtualClock(), path, { to, ...usual, ...options } as UploadOptions & {
    stateDir: string;
  });
}

async function through(meddle?: Meddle): Promise<Interposer> {
  return place.keep(await interpose(server.url, meddle));
}

async function arrived(url: string, bytes: Buffer): Promise<void> {
  const options = { stateDir: place.stateDir, token: TOKEN };
  await download(url, place.path("back"), options).done;
  expect(place.read("back").equals(bytes)).toBe(true);
}

const partsOf = ({ seen }: Interposer) =>
  seen
    .filter(({ method, path }) => method === "PUT" && path.startsWith("/p/"))
    .map(({ path }) => Number(/[/]([0-9]+)[?]/.exec(path)?.[1]));

describe("a direct upload to the server's own addresses", () => {
  it("brings every part once, by requests without a token, in few batches", async () => {
    const proxy = await through();
    const { path, bytes } = place.file("f", SIZE);
    const transfer = sendStill(path, proxy.url);
    const parts = record(transfer, "part");
    const result = await transfer.done;
    expect(result).toMatchObject({ size: SIZE, bytesCommitted: SIZE });
    expect(new Set(parts.map(({ index }) => index)).size).toBe(25);
    expect(partsOf(proxy).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 25 }, (_, at) => at),
    );
    const puts = proxy.seen.filter(({ method }) => method === "PUT");
    expect(puts).toHaveLength(25);
    for (const { headers } of puts) {
      expect(headers.authorization).toBeUndefined();
    }
    expect(proxy.count("POST", "/requests")).toBeLessThan(8);
    expect(proxy.count("POST", "/parts")).toBeGreaterThan(0);
    await arrived(result.url.replace(proxy.url, server.url), bytes);
  });

  it("has requests that live for as long as they are asked to", async () => {
    const proxy = await through();
    const livesAfter = (count: number) =>
      new Set(
        proxy.seen
          .slice(count)
          .filter(({ method }) => method === "PUT")
          .map(({ path }) => new URL(path, server.url).searchParams)
          .map((query) => Number(query.get("exp")) - Number(query.get("iat"))),
      );
    await send(place.file("f", SIZE).path, proxy.url).done;
    expect(livesAfter(0)).toEqual(new Set([900]));
    const count = proxy.seen.length;
    await send(place.file("g", SIZE).path, proxy.url, { signedForMs: 86_400_000 }).done;
    expect(livesAfter(count)).toEqual(new Set([86_400]));
    const tooLong = send(place.file("h", SIZE).path, proxy.url, { signedForMs: 86_401_000 });
    await expect(tooLong.done).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("goes on after a kill with what is missing only", async () => {
    const { path, bytes } = place.file("f", SIZE);
    let isOut = false;
    let isArmed = true;
    const away = problem(404, "upload_not_found");
    const proxy = await through((request) => {
      if (isOut) return away;
      if (request.method === "POST" && request.url?.endsWith("/parts")) {
        // The server has committed them, and nobody hears it.
        if (isArmed && partsOf(proxy).length >= 10) isOut = true;
      }
      return undefined;
    });
    await expect(send(path, proxy.url).done).rejects.toMatchObject({ code: "upload_not_found" });
    isOut = false;
    isArmed = false;
    const before = partsOf(proxy);
    const committed = await committedParts();
    expect(committed.size).toBeGreaterThan(0);
    const again = send(path, proxy.url);
    const { url, resumedBytes } = await again.done;
    expect(resumedBytes).toBeGreaterThan(0);
    const after = partsOf(proxy).slice(before.length);
    expect(after.filter((index) => committed.has(index))).toEqual([]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("asks for other requests where those it has are taken back in the middle", async () => {
    const { path, bytes } = place.file("f", SIZE);
    let isRevoked = false;
    const refused: number[] = [];
    const proxy = await through((request, response) => {
      const isPut = request.method === "PUT";
      if (isPut) response.on("finish", () => response.statusCode === 403 && refused.push(1));
      if (isPut && !isRevoked && partsOf(proxy).length === 6) {
        isRevoked = true;
        return async (held, out) => {
          const [, id] = /[/]p[/][^/]+[/]([a-z2-7]+)[/]/.exec(held.url ?? "") ?? [];
          const headers = { authorization: `Bearer ${TOKEN}` };
          const done = await fetch(`${server.url}/v1/uploads/${id}/requests`, {
            method: "DELETE",
            headers,
          });
          expect(done.status).toBe(204);
          held.resume();
          out.writeHead(403, {
            "holdfast-version": "1",
            "content-type": "application/problem+json",
          });
          out.end(JSON.stringify({ code: "signature_refused", status: 403, detail: "taken back" }));
        };
      }
      return undefined;
    });
    const transfer = send(path, proxy.url);
    const retries = record(transfer, "retry");
    const { url } = await transfer.done;
    expect(refused.length).toBeGreaterThan(0);
    // Signed anew at once: no trouble, nothing waited for, nothing given up.
    expect(retries).toEqual([]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("is over where every request is refused, and says why", async () => {
    const proxy = await through((request) =>
      request.method === "PUT" ? problem(403, "signature_refused") : undefined,
    );
    const transfer = send(place.file("f", SIZE).path, proxy.url);
    await expect(transfer.done).rejects.toMatchObject({ code: "signature_refused" });
  });

  it("finds out that a part was changed after it was signed, whatever its time says", async () => {
    const { path } = place.file("f", SIZE);
    const { atime, mtime } = statSync(path);
    let isChanged = false;
    const proxy = await through((request) => {
      if (request.method === "PUT" && !isChanged) {
        isChanged = true;
        const other = Buffer.alloc(SIZE, 7);
        writeFileSync(path, other);
        utimesSync(path, atime, mtime);
      }
      return undefined;
    });
    const transfer = send(path, proxy.url);
    await expect(transfer.done).rejects.toMatchObject({ code: "source_changed" });
  });

  it("says of a source that is not read any more what helps there, and nothing of the store", async () => {
    const { path } = place.file("f", SIZE);
    const source = await openFileSource(path);
    let reads = 0;
    const vanishing: Source = {
      ...source,
      async read(offset, into) {
        // Four parts are read to be signed, the next one is to be sent.
        if (++reads > 4) throw new HoldfastError("source_unreadable");
        await source.read(offset, into);
      },
    };
    const options = { to: server.url, token: TOKEN, partSize: PART, transfer: "direct" } as const;
    const ports = { ...nodePorts(place.stateDir), share: ALONE };
    const met = await startUpload(async () => vanishing, options, ports).done.catch(
      toHoldfastError,
    );
    expect(met).toMatchObject({
      code: "source_unreadable",
      hint: errorRow("source_unreadable").hint,
    });
  });

  it("sends a part again whose bytes were spoilt on the way", async () => {
    const { path, bytes } = place.file("f", SIZE);
    const spoilt = problem(422, "digest_mismatch", {}, { index: 3 });
    const proxy = await through(first(2, "PUT", "/3?", spoilt));
    const transfer = sendStill(path, proxy.url);
    const retries = record(transfer, "retry");
    const { url } = await transfer.done;
    expect(retries.map(({ code }) => code)).toEqual(["digest_mismatch", "digest_mismatch"]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("ends where a part is confirmed with another digest", async () => {
    const conflict = problem(409, "part_conflict", {}, { index: 0 });
    const proxy = await through(first(1, "POST", "/parts", conflict));
    const transfer = send(place.file("f", SIZE).path, proxy.url);
    await expect(transfer.done).rejects.toMatchObject({ code: "source_changed" });
  });

  it("goes through the server where nobody asks for it, small files in any case", async () => {
    const proxy = await through();
    await upload(place.file("f", SIZE).path, {
      ...{ to: proxy.url, token: TOKEN, stateDir: place.stateDir },
    }).done;
    expect(partsOf(proxy)).toEqual([]);
  });
});

async function committedParts(): Promise<ReadonlySet<number>> {
  const client = createClient({ stateDir: place.stateDir });
  const [one] = await client.unfinished();
  client.close();
  if (one?.kind !== "upload") throw new Error("there is no unfinished upload");
  const known = await createClient({ stateDir: place.stateDir }).uploadsOf(one.path);
  const id = known.find(({ server: to }) => to === one.to)?.id;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const text = await (await fetch(`${server.url}/v1/uploads/${id}`, { headers })).json();
  return new Set(indexesOf(decodeUpload(text).committed));
}

interface Store {
  readonly url: string;
  readonly seen: { readonly headers: IncomingMessage["headers"]; readonly path: string }[];
  close(): Promise<void>;
}

/**
 * A store of another origin: takes signed parts as S3 does (a digest header that is enforced, no header of ours in its answers), and hands them to the server
 * behind our back, so that confirming finds them.
 */
async function startStore(
  instead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<Store> {
  const seen: { headers: IncomingMessage["headers"]; path: string }[] = [];
  const http = createServer(async (request, response) => {
    const { headers, url = "" } = request;
    seen.push({ headers, path: url });
    if (instead(request, response)) return;
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const digest = createHash("sha256").update(body).digest("base64");
    if (headers["x-amz-checksum-sha256"] !== digest) {
      response.writeHead(400, { "content-type": "application/xml" });
      response.end("<Error><Code>BadDigest</Code></Error>");
      return;
    }
    const put = await fetch(new URL(url, server.url), { method: "PUT", body });
    response.writeHead(put.status, { etag: '"opaque"' }).end();
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async close() {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

/** Answers of the server as one with such a store would give them: `direct` in the view, addresses and headers of the store in the requests. */
async function before(
  store: Store,
  meddle?: Meddle,
  headersOf?: object,
  onSigned: (url: string) => void = () => undefined,
): Promise<Interposer> {
  return through((request, response) => {
    const instead = meddle?.(request, response);
    if (instead) return instead;
    const isAsking = request.method === "POST" && request.url?.endsWith("/requests");
    const isView = request.url?.startsWith("/v1/uploads") && !request.url.includes("/parts");
    if (!isAsking && !isView) return undefined;
    return async (asked, out) => {
      const pieces: Buffer[] = [];
      for await (const piece of asked) pieces.push(piece);
      const text = Buffer.concat(pieces);
      const { host: _, connection: __, "content-length": ___, ...headers } = asked.headers;
      const answered = await fetch(new URL(asked.url ?? "", server.url), {
        method: asked.method ?? "GET",
        headers: headers as Record<string, string>,
        ...(text.length > 0 ? { body: text } : {}),
      });
      const isJson = answered.headers.get("content-type")?.includes("json");
      const value = (isJson ? await answered.json() : undefined) as
        | { requests: object[] }
        | undefined;
      const changed = isAsking
        ? { requests: value?.requests.map((one) => foreign(one, text, store, headersOf)) }
        : { ...value, transfer: "direct" };
      if (isAsking)
        for (const one of value?.requests ?? []) if ("url" in one) onSigned(String(one.url));
      const own = { "holdfast-version": "1", "content-type": "application/json" };
      out.writeHead(answered.status, own).end(value && JSON.stringify(changed));
    };
  });
}

function foreign(one: object, asked: Buffer, store: Store, more: object = {}): object {
  const { index, url } = one as { index: number; url: string };
  const { parts } = JSON.parse(asked.toString()) as { parts: { index: number; digest: string }[] };
  const digest = parts.find((part) => part.index === index)?.digest;
  return { ...one, url: store.url + url, headers: { "x-amz-checksum-sha256": digest, ...more } };
}

describe("a direct upload to a store of another origin", () => {
  it("begins nothing again with requests to a place that the store has dropped, and has the server look", async () => {
    let signed = 0;
    let dropped = 0;
    const answered = new Map<string, number>();
    const lookedAfter: number[] = [];
    const store = place.keep(
      await startStore(({ headers }, response) => {
        if (store.seen.length === 6) dropped = signed;
        const name = String(headers["x-amz-meta-name"]);
        const times = answered.get(name) ?? 0;
        // Without an end to it nothing would be told.
        if (Number(name) > dropped || times === 3) return false;
        answered.set(name, times + 1);
        response.writeHead(404, { "content-type": "application/xml", connection: "close" });
        response.end("<Error><Code>NoSuchUpload</Code></Error>");
        return true;
      }),
    );
    const isLook = ({ method, url = "" }: IncomingMessage) =>
      method === "POST" && url.endsWith("/parts");
    const watch: Meddle = (request) => {
      if (isLook(request)) lookedAfter.push(answered.size);
      return undefined;
    };
    const names = {
      get "x-amz-meta-name"() {
        return String(++signed);
      },
    };
    const proxy = await before(store, watch, names);
    const { path, bytes } = place.file("f", SIZE);
    const { url } = await send(path, proxy.url).done;
    expect(Math.max(...answered.values())).toBe(1);
    expect(lookedAfter.some((count) => count > 0)).toBe(true);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("is what the server advises; no token goes there, and only the signed headers", async () => {
    const store = place.keep(await startStore());
    const proxy = await before(store);
    const { path, bytes } = place.file("f", SIZE);
    const { url } = await uploadStill(createVirtualClock(), path, {
      ...{ to: proxy.url, token: TOKEN, stateDir: place.stateDir, partSize: PART },
    }).done;
    expect(store.seen).toHaveLength(25);
    for (const { headers } of store.seen) {
      const names = Object.keys(headers).toSorted();
      expect(names).toEqual(["connection", "content-length", "host", "x-amz-checksum-sha256"]);
    }
    expect(JSON.stringify(store.seen)).not.toContain(TOKEN);
    expect(proxy.seen.filter(({ method }) => method === "PUT")).toEqual([]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("follows no redirect, and turns to the server where nothing gets through", async () => {
    const elsewhere = place.keep(await startStore());
    const store = place.keep(
      await startStore((request, response) => {
        request.resume();
        response.writeHead(307, { location: `${elsewhere.url}${request.url}` }).end();
        return true;
      }),
    );
    const proxy = await before(store);
    const { path, bytes } = place.file("f", SIZE);
    const transfer = upload(path, {
      ...{ to: proxy.url, token: TOKEN, stateDir: place.stateDir, partSize: PART },
    });
    const notices = record(transfer, "notice");
    const { url } = await transfer.done;
    expect(elsewhere.seen).toEqual([]);
    expect(notices).toMatchObject([{ code: "not_holdfast" }]);
    expect(proxy.seen.filter(({ method }) => method === "PUT").length).toBeGreaterThan(0);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("turns to the server where the store cannot be reached, and not where it is asked for", async () => {
    const store = await startStore();
    await store.close();
    const proxy = await before(store);
    const { path, bytes } = place.file("f", SIZE);
    const to = { to: proxy.url, token: TOKEN, stateDir: place.stateDir, partSize: PART };
    const transfer = upload(path, to);
    const notices = record(transfer, "notice");
    const { url } = await transfer.done;
    expect(notices).toMatchObject([{ code: "connection_failed" }]);
    await arrived(url.replace(proxy.url, server.url), bytes);
    const sentBefore = proxy.count("PUT", "/parts/");
    const asked = send(place.file("g", SIZE).path, proxy.url, { giveUpMs: 3_500 });
    await expect(asked.done).rejects.toMatchObject({ code: "gave_up" });
    expect(proxy.count("PUT", "/parts/")).toBe(sentBefore);
  });

  it("turns to the server where something takes every part that the store never gets", async () => {
    const portal = place.keep(
      await startStore((request, response) => {
        request.resume().on("end", () => response.writeHead(200).end("welcome"));
        return true;
      }),
    );
    const proxy = await before(portal);
    const { path, bytes } = place.file("f", SIZE);
    const transfer = uploadStill(createVirtualClock(), path, {
      ...{ to: proxy.url, token: TOKEN, stateDir: place.stateDir, partSize: PART },
    });
    const notices = record(transfer, "notice");
    const { url } = await transfer.done;
    expect(notices).toMatchObject([{ code: "parts_missing" }]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("goes over no network in the clear where the server is spoken to by TLS, but through the server", async () => {
    const store = place.keep(await startStore());
    const proxy = await before(store);
    const ports = { ...nodePorts(place.stateDir), share: ALONE };
    const secure = "https://files.example";
    const transport: Transport = {
      mayRepeat: false,
      // What ends the TLS stands before the proxy.
      request: (one) =>
        ports.transport.request({ ...one, url: one.url.replace(secure, proxy.url) }),
      close: () => ports.transport.close(),
    };
    const start = (name: string, options: Partial<UploadOptions>) => {
      const { path, bytes } = place.file(name, SIZE);
      const to = { to: secure, token: TOKEN, partSize: PART };
      const open = () => openFileSource(path);
      const transfer = startUpload(open, { ...to, ...options }, { ...ports, transport });
      return { transfer, bytes };
    };
    const { transfer, bytes } = start("f", {});
    const notices = record(transfer, "notice");
    const { url } = await transfer.done;
    expect(notices).toMatchObject([{ code: "insecure_transport" }]);
    await arrived(url.replace(secure, server.url), bytes);
    const asked = start("g", { transfer: "direct" }).transfer;
    await expect(asked.done).rejects.toMatchObject({ code: "insecure_transport" });
    expect(store.seen).toEqual([]);
  });

  it("uses no request whose life is over, and asks for others before a store could refuse it", async () => {
    const clock = createVirtualClock();
    const store = place.keep(
      await startStore(() => {
        // By now all are signed; a day passes while a few parts are on their way.
        if (store.seen.length === 40) clock.advance(86_400_000);
        return false;
      }),
    );
    const signedAt = new Map<string, number>();
    const proxy = await before(store, undefined, undefined, (url) =>
      signedAt.set(url, clock.monotonic()),
    );
    const { path, bytes } = place.file("f", 60 * PART);
    const { url } = await uploadStill(clock, path, {
      ...{ to: proxy.url, token: TOKEN, stateDir: place.stateDir, partSize: PART },
      stallMs: 864_000_000,
    }).done;
    const late = store.seen.slice(53);
    expect(late.length).toBeGreaterThan(3);
    for (const { path: at } of late) expect(signedAt.get(at)).toBeGreaterThanOrEqual(86_400_000);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("signs anew what the store finds expired, and never calls that bad data", async () => {
    let refusals = 0;
    const store = place.keep(
      await startStore((request, response) => {
        if (store.seen.length !== 9) return false;
        refusals++;
        request.resume();
        response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>");
        return true;
      }),
    );
    const proxy = await before(store);
    const { path, bytes } = place.file("f", SIZE);
    const transfer = sendStill(path, proxy.url);
    const retries = record(transfer, "retry");
    const { url } = await transfer.done;
    expect([refusals, retries]).toEqual([1, []]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it("sends again what was spoilt on the way, and what the store does not have after all", async () => {
    const store = place.keep(
      await startStore((request, response) => {
        if (store.seen.length !== 5) return false;
        request.resume();
        response.writeHead(400).end("<Error><Code>BadDigest</Code></Error>");
        return true;
      }),
    );
    const missing = problem(409, "parts_missing", {}, { missing: [[0, 1]] });
    const proxy = await before(store, first(1, "POST", "/parts", missing));
    const { path, bytes } = place.file("f", SIZE);
    const transfer = sendStill(path, proxy.url);
    const retries = record(transfer, "retry");
    const { url } = await transfer.done;
    expect(retries.map(({ code }) => code).toSorted()).toEqual([
      "digest_mismatch",
      "parts_missing",
    ]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });

  it.each([
    ["a header that says who comes", { authorization: "Bearer stolen" }],
    ["a header that frames the request", { "Transfer-Encoding": "chunked" }],
  ])("takes no request with %s", async (_, more) => {
    const store = place.keep(await startStore());
    const proxy = await before(store, undefined, more);
    const transfer = send(place.file("f", SIZE).path, proxy.url);
    expect(await next(transfer, "retry")).toMatchObject({ code: "not_holdfast" });
    transfer.abort();
    await expect(transfer.done).rejects.toMatchObject({ code: "aborted" });
    expect(store.seen).toEqual([]);
  });

  it("has parts that fit the line to the store, which is kept apart from that to the server", async () => {
    const store = place.keep(await startStore());
    const proxy = await before(store);
    const clock = createVirtualClock();
    const lines = () => ({ ...nodePorts(place.stateDir), clock });
    const toServer = { inFlight: 1, rate: 100 * MIB };
    await rememberLine(lines(), "up", proxy.url, toServer);
    const send = async (name: string) => {
      const { path } = place.file(name, 32 * MIB);
      const to = { to: proxy.url, token: TOKEN, stateDir: place.stateDir };
      await uploadStill(clock, path, to).done;
      return store.seen.splice(0).length;
    };
    expect(await send("f")).toBe(32);
    expect(await recallLine(lines(), "direct", proxy.url)).toBeDefined();
    await rememberLine(lines(), "direct", proxy.url, { inFlight: 1, rate: 100 * MIB });
    expect(await send("g")).toBe(4);
    expect(await recallLine(lines(), "up", proxy.url)).toEqual(toServer);
  });

  it("is confirmed later without being sent again, where only the confirmation was lost", async () => {
    const kept: { path: string; body: Buffer }[] = [];
    const store = place.keep(
      await startStore((request, response) => {
        const pieces: Buffer[] = [];
        request.on("data", (piece: Buffer) => pieces.push(piece));
        request.on("end", () => {
          kept.push({ path: request.url ?? "", body: Buffer.concat(pieces) });
          response.writeHead(200).end();
        });
        return true;
      }),
    );
    let asked = 0;
    // The server hears of parts in the store by confirmations only, as it is with a real one.
    const proxy = await before(store, (request) => {
      if (request.method !== "POST" || !request.url?.endsWith("/parts")) return undefined;
      if (asked++ === 0) return problem(503, "recovering", { "retry-after": "0" });
      return async (confirming, out) => {
        for (const { path: at, body } of kept.splice(0)) {
          await fetch(new URL(at, server.url), { method: "PUT", body: new Uint8Array(body) });
        }
        const { authorization = "" } = confirming.headers;
        const headers = { authorization, "content-type": "application/json" };
        const pieces: Buffer[] = [];
        for await (const piece of confirming) pieces.push(piece);
        const told = await fetch(new URL(confirming.url ?? "", server.url), {
          ...{ method: "POST", headers, body: Buffer.concat(pieces) },
        });
        out.writeHead(told.status, { "holdfast-version": "1" }).end(await told.text());
      };
    });
    const { path, bytes } = place.file("f", PART);
    const transfer = sendStill(path, proxy.url);
    const retries = record(transfer, "retry");
    const { url, bytesSent } = await transfer.done;
    expect(retries.map(({ code }) => code)).toEqual(["recovering"]);
    expect([store.seen.length, bytesSent]).toEqual([1, PART]);
    await arrived(url.replace(proxy.url, server.url), bytes);
  });
});
