// A real HTTP server over the real engine with memory below it, and raw connections to break rules with.
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server,
} from "node:http";
import { connect, type Socket } from "node:net";
import { createEngine, type Engine, type EngineParts } from "@holdfast/engine";
import { encodeRunDigests, type UploadView } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import { memoryParts, partDigests, runBytes } from "@holdfast/testkit/world";
import { getRequestListener } from "@hono/node-server";
import type { ClockGuard } from "../clock-guard.ts";
import { type Keyring, keyringOf } from "../keys/keyring.ts";
import { createMeter } from "../metrics/meter.ts";
import { requireDescribed } from "../openapi/contract.fixture.ts";
import { systemClock, systemDigests, systemRandom } from "../platform.ts";
import { createTokenPolicy } from "../policy/policy.ts";
import { createCors } from "./cors.ts";
import { createFetchHandler } from "./fetch.ts";
import type { Front } from "./front.ts";
import { createH2 } from "./h2.ts";
import { createInFlight } from "./in-flight.ts";
import { listen } from "./listen.ts";
import { createHttpServer, createNodeHandler, HEADERS_SIZE_MAX, type HttpOptions } from "./node.ts";
import { createReplies } from "./replies.ts";
import { createTrust } from "./trust.ts";

/** How requests come to the handlers: the same tests run over each (vitest.config.ts); what one cannot do it declines by name (`declines`). */
type Adapter = "node" | "fetch";

const ADAPTER: Adapter = process.env["HOLDFAST_TEST_ADAPTER"] === "fetch" ? "fetch" : "node";

function createAdapter(front: Front, { http = {}, hasParser }: TestServerOptions): Server {
  if (ADAPTER === "fetch") {
    const handler = createFetchHandler(front, http);
    // A host that is not ours: Hono's adapter of node:http.
    const listener = getRequestListener(async (request, { incoming }) => {
      if (hasParser) await request.arrayBuffer();
      const { remoteAddress: address } = incoming.socket;
      return handler(request, address === undefined ? {} : { address });
    });
    // As many header fields as ours takes: how many there may be is the host's to say.
    return createServer({ maxHeaderSize: HEADERS_SIZE_MAX }, (req, res) => void listener(req, res));
  }
  if (!hasParser) return createHttpServer(front, http);
  const handler = createNodeHandler(front, http);
  return createServer((req, res) => req.on("end", () => handler(req, res)).resume());
}

/** For tests that an adapter declines: whether it is this one. The reason stands where it is asked. */
export function declines(adapter: Adapter, reason: string): boolean {
  if (reason === "") throw new Error("a decline needs a reason");
  return adapter === ADAPTER;
}

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: unknown;
}

export interface TestServer {
  readonly port: number;
  readonly engine: Engine;
  /** The time of bodies, and what the engine measures by; its timers are real. */
  readonly clock: VirtualClock;
  /** Timers of the front that run now. */
  timers(): number;
  readonly logged: readonly Logged[];
  /** Resolves with the number of connections that the server holds. */
  connections(): Promise<number>;
  /** From now on the server says that it is closing. */
  beginClosing(): void;
  close(): Promise<void>;
}

export interface TestServerOptions {
  readonly token?: string;
  readonly parts?: Partial<EngineParts>;
  readonly keys?: () => Keyring;
  readonly http?: HttpOptions;
  readonly guard?: ClockGuard;
  readonly requestsMax?: number;
  readonly origins?: readonly string[];
  /** Without a token, and minding by what name it is called. */
  readonly isOpen?: true;
  readonly proxies?: readonly string[];
  readonly accelPrefix?: string;
  readonly redirectsReads?: true;
  /** Something in front of the handlers reads every body first. */
  readonly hasParser?: true;
  /** Speaks HTTP/2 in the clear, and nothing else. */
  readonly isH2?: true;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const virtual = createVirtualClock();
  let timers = 0;
  const clock: VirtualClock = {
    ...virtual,
    after(ms, task) {
      timers++;
      let isOver = false;
      const end = () => {
        if (!isOver) timers--;
        isOver = true;
      };
      const callOff = virtual.after(ms, () => {
        end();
        task();
      });
      return () => {
        end();
        callOff();
      };
    },
  };
  const policy = createTokenPolicy({ token: options.token });
  const logged: Logged[] = [];
  const log = (level: string, event: string, fields?: unknown) =>
    logged.push({ level, event, fields });
  const parts = memoryParts({
    policy,
    // Its timers are real; what it measures it measures by the clock that bodies tell their last byte by.
    clock: { ...systemClock, monotonic: virtual.monotonic },
    random: systemRandom,
    digests: systemDigests,
    log,
    ...options.parts,
  });
  const engine = createEngine(parts);
  let isClosing = false;
  let port = 0;
  const front: Front = {
    ...parts,
    keys: options.keys ?? (() => keyringOf(new Uint8Array(32).fill(7))),
    engine,
    clock,
    inFlight: createInFlight(options.requestsMax),
    replies: createReplies(),
    cors: createCors(options.origins ?? [], () => options.isOpen === true),
    trust: createTrust(options.proxies ?? []),
    accelPrefix: options.accelPrefix,
    redirectsReads: options.redirectsReads === true,
    about: {
      version: "1.2.3",
      startedAt: 0,
      io: "direct",
      needsToken: () => options.token !== undefined,
      url: () => `http://127.0.0.1:${port}`,
    },
    meter: createMeter(),
    guard: options.guard ?? { isHeld: async () => false, trust: async () => undefined },
    look: async () => undefined,
    load: () => ({ slotsLent: parts.slots.lent(), slotsWaiting: parts.slots.waiting() }),
    isClosing: () => isClosing,
  };
  const h2 = options.isH2 ? createH2(front, options.http) : undefined;
  const other = h2 ? undefined : createAdapter(front, options);
  const server = h2?.server ?? other;
  if (!server) throw new Error("there is no server");
  port = await listen(server, "127.0.0.1", 0, log);
  return {
    port,
    engine,
    clock,
    timers: () => timers,
    logged,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    beginClosing() {
      isClosing = true;
    },
    async close() {
      other?.closeAllConnections();
      h2?.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** What came before it. */
  readonly interim: readonly Interim[];
  /** The members of a JSON body. */
  readonly json: Readonly<Record<string, unknown>>;
}

interface Interim {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** One request on a connection of its own; its answer must be as the API's description tells. */
export async function ask({ port }: { readonly port: number }, wants: Ask): Promise<Answer> {
  const { method = "GET", path, headers = {}, body } = wants;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const options = { host: "127.0.0.1", port, method, path, headers, agent: false as const };
  const interim: Interim[] = [];
  const req = httpRequest(options, (res) => {
    const pieces: Buffer[] = [];
    res.on("data", (piece: Buffer) => pieces.push(piece));
    res.on("error", reject);
    res.on("end", () => {
      const bytes = Buffer.concat(pieces);
      const status = res.statusCode ?? 0;
      resolve({ status, headers: res.headers, bytes, interim, json: parse(bytes) });
    });
  });
  req.on("information", ({ statusCode, headers }) => interim.push({ status: statusCode, headers }));
  req.on("error", reject);
  req.end(body);
  const answer = await promise;
  requireDescribed(method, path, answer);
  return answer;
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (!bytes.toString().startsWith("{")) return {};
  const value: unknown = JSON.parse(bytes.toString());
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}

export function askJson(
  server: { readonly port: number },
  method: string,
  path: string,
  value: unknown,
): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  return ask(server, { method, path, headers, body: JSON.stringify(value) });
}

/** The request that stores a run of `content`. */
export function putRequest(
  view: UploadView,
  content: Uint8Array,
  run: readonly [number, number],
): Required<Ask> & { readonly body: Uint8Array } {
  const [name, value] = encodeRunDigests("sha-256", partDigests(view, content, run));
  const [start, end] = run;
  const parts = end - start === 1 ? `${start}` : `${start}-${end - 1}`;
  return {
    method: "PUT",
    path: `/v1/uploads/${view.id}/parts/${parts}`,
    headers: { [name]: value },
    body: runBytes(view, content, run),
  };
}

/** The head of a request as it goes over the wire. */
export function rawHead({ method = "GET", path, headers = {} }: Ask): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join("")}\r\n`;
}

export interface RawConnection {
  readonly socket: Socket;
  /** All that came so far. */
  text(): string;
  /** Resolves when what came has this in it; rejects when the connection ends without. */
  until(wanted: string): Promise<string>;
  /** Resolves with all that came once the server has closed, and how. */
  ended(): Promise<{ readonly text: string; readonly error: string | undefined }>;
}

/** A connection that says exactly what it is told to. */
export async function openRaw({ port }: { readonly port: number }): Promise<RawConnection> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  let error: string | undefined;
  let isClosed = false;
  let check: (() => void) | undefined;
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
    check?.();
  });
  socket.on("error", (cause: NodeJS.ErrnoException) => {
    error = cause.code;
  });
  const over = () => {
    isClosed = true;
    check?.();
  };
  socket.on("end", over);
  socket.on("close", over);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  async function wait(isDone: () => boolean): Promise<void> {
    while (!isDone() && !isClosed) {
      await new Promise<void>((resolve) => {
        check = resolve;
      });
    }
  }
  return {
    socket,
    text: () => text,
    async until(wanted) {
      await wait(() => text.includes(wanted));
      if (!text.includes(wanted)) throw new Error(`the connection ended with: ${text} ${error}`);
      return text;
    },
    async ended() {
      await wait(() => false);
      return { text, error };
    },
  };
}
