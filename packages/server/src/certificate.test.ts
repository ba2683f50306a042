// TLS over real connections: which certificates are taken, and how one replaces another without a connection lost.
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { makeCertificate, type TestCertificate } from "@holdfast/testkit/certificate";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readCertificate, watchCertificate } from "./certificate.ts";
import { type RunningServer, serve } from "./serve.ts";

let made: string;
let first: TestCertificate;
let second: TestCertificate;
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), "holdfast-made-"));
  first = await makeCertificate(made, "first");
  second = await makeCertificate(made, "second");
});
afterAll(() => rm(made, { recursive: true }));

let place: string;
let files: TestCertificate;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-tls-"));
  files = { cert: join(place, "cert.pem"), key: join(place, "key.pem") };
  await use(first);
});
afterEach(() => rm(place, { recursive: true }));

async function use({ cert, key }: TestCertificate): Promise<void> {
  await copyFile(cert, files.cert);
  await copyFile(key, files.key);
}

describe("a certificate", () => {
  it("is read with its key and the time it ends", async () => {
    const { context, validTo } = await readCertificate(files);
    expect(context.cert).toEqual(await readFile(first.cert));
    expect(validTo).toBeGreaterThan(Date.now() + 80 * 86_400_000);
  });

  it.each([
    ["another key", () => copyFile(second.key, files.key), "key.pem", "it is not the key of"],
    ["no key", () => rm(files.key), "key.pem", "ENOENT"],
    ["a torn certificate", () => writeFile(files.cert, "-----BEGIN CERT"), "cert.pem", ""],
    ["a key that is none", () => writeFile(files.key, "secret"), "key.pem", ""],
  ])("with %s is refused, naming the file", async (_what, spoil, file, why) => {
    await spoil();
    const thrown = await readCertificate(files).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "usage", details: { path: join(place, file) } });
    expect(String(thrown)).toContain(why);
  });
});

describe("a watch of the files", () => {
  async function watched(before: () => Promise<void> = async () => undefined) {
    const clock = createVirtualClock();
    const events: string[] = [];
    const settled = Promise.withResolvers<void>();
    let onEvent = settled.resolve;
    const log = (_level: string, event: string): void => {
      events.push(event);
      onEvent();
    };
    const onNew = (): void => void events.push("new");
    const inUse = await readCertificate(files);
    await before();
    const watch = watchCertificate(files, { clock, log, inUse, onNew });
    const nextLook = async (): Promise<void> => {
      const told = Promise.withResolvers<void>();
      onEvent = told.resolve;
      clock.advance(10_000);
      await told.promise;
    };
    return { clock, events, watch, nextLook };
  }

  it("hands on what is new", async () => {
    const { events, watch, nextLook } = await watched();
    await use(second);
    await nextLook();
    expect(events).toEqual(["new", "certificate loaded"]);
    watch.stop();
  });

  it("sees a change between the first reading and the first look", async () => {
    const { events, watch, nextLook } = await watched(() => use(second));
    await nextLook();
    expect(events).toEqual(["new", "certificate loaded"]);
    watch.stop();
  });

  it("looks again and again, and hands on nothing while nothing changes", async () => {
    const { clock, events, watch } = await watched();
    for (let looks = 0; looks < 3; looks++) {
      while (!clock.advanceToNext()) await new Promise((resolve) => setImmediate(resolve));
    }
    watch.stop();
    expect(events).toEqual([]);
    expect(clock.advanceToNext()).toBe(false);
  });

  it("keeps the old one while the new one cannot be used", async () => {
    const { events, watch, nextLook } = await watched();
    await copyFile(second.cert, files.cert);
    await nextLook();
    expect(events).toEqual(["the new certificate cannot be used: the old one stays"]);
    watch.stop();
  });
});

describe("a server with TLS", () => {
  let server: RunningServer;
  const logged: string[] = [];
  beforeEach(async () => {
    logged.length = 0;
    const log = (_level: string, event: string): void => void logged.push(event);
    server = await serve({ dataDir: join(place, "data"), port: 0, log, tls: files });
  });
  afterEach(() => server.close());

  it("serves HTTPS and says so", async () => {
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    const agent = new Agent({ ca: await readFile(first.cert) });
    expect(await status(`${server.url}/livez`, agent)).toBe(200);
  });

  it("speaks TLS 1.3 and nothing older", async () => {
    const socket = await handshake();
    expect(socket.getProtocol()).toBe("TLSv1.3");
    socket.destroy();
    await expect(handshake("TLSv1.2")).rejects.toThrow(/version|alert/i);
  });

  it("takes over a new certificate while a connection goes on", async () => {
    const agent = new Agent({ keepAlive: true, ca: [await readFile(first.cert)], maxSockets: 1 });
    expect(await status(`${server.url}/livez`, agent)).toBe(200);
    await use(second);
    await server.reload();
    expect(logged).toContain("certificate loaded");
    expect(await nameServed()).toBe("second");
    // The connection that was there still stands on the first one.
    expect(await status(`${server.url}/livez`, agent)).toBe(200);
    agent.destroy();
  });

  it("keeps the old certificate where the new one is bad", async () => {
    await writeFile(files.cert, "nothing");
    await server.reload();
    expect(logged).toContain("the new certificate cannot be used: the old one stays");
    expect(await nameServed()).toBe("first");
  });

  async function handshake(version?: "TLSv1.2"): Promise<TLSSocket> {
    const limits = version ? { maxVersion: version } : {};
    const socket = connect({ port: server.port, rejectUnauthorized: false, ...limits });
    await new Promise<void>((resolve, reject) => {
      socket.on("secureConnect", resolve).on("error", reject);
    });
    return socket;
  }

  async function nameServed(): Promise<unknown> {
    const socket = await handshake();
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  }
});

describe("beyond this machine", () => {
  const host = "0.0.0.0";

  it("a certificate and a token are enough", async () => {
    const dataDir = join(place, "data");
    const log = (): void => undefined;
    const server = await serve({
      dataDir,
      host,
      port: 0,
      log,
      tls: files,
      token: "secret-of-the-test",
    });
    expect(server.url).toMatch(/^https:/);
    await server.close();
  });

  it("a certificate without a token is not", async () => {
    const options = { dataDir: join(place, "data"), host, port: 0, tls: files };
    await expect(serve(options)).rejects.toMatchObject({ code: "insecure_bind" });
  });
});

function status(url: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    }).on("error", reject);
  });
}
