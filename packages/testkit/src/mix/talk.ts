// Requests to a server by its address, whole or cut short, and every offset that its answers tell.
import { randomUUID } from "node:crypto";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { encodeClient, isHoldfastError } from "@holdfast/protocol";

export interface Wants {
  readonly method: string;
  /** On this server, or an address anywhere. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Said {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** How a request ends before its body does: in peace, with a reset, or not at all. */
export type CutKind = "end" | "reset" | "silence";

export interface Talk {
  ask(wants: Wants): Promise<Said>;
  /** Sends only so many bytes of the body, and then cuts. Nobody hears what is answered. */
  cut(wants: Wants, sent: number, kind: CutKind): Promise<void>;
  /** Offsets of this upload as they were told, one after the other. */
  told(): readonly number[];
  /** Ends what was left silent. */
  close(): void;
}

/** Where requests go. */
export interface Place {
  /** The server's address. */
  readonly base: string;
  /** A store that is no server takes what was signed for it. */
  readonly store?: (wants: Wants) => void;
}

/** All requests are those of one running transfer: what one of them has left hanging the next takes over. */
export function createTalk({ base, store }: Place): Talk {
  const transfer = encodeClient("mix/1", randomUUID(), 1);
  const told: number[] = [];
  const silent = new Set<{ destroy(): void }>();
  const note = (said: Said): void => {
    const field = said.headers["upload-offset"];
    const offset = typeof field === "string" ? Number(field) : offsetIn(said);
    if (offset !== undefined) told.push(offset);
  };

  return {
    async ask({ headers, ...wants }) {
      const isOurs = wants.path.startsWith("/");
      if (!isOurs && store) return askStore(store, { ...wants, headers: headers ?? {} });
      const client = isOurs ? { "holdfast-client": transfer } : {};
      const said = await send(new URL(wants.path, base), {
        ...wants,
        headers: { ...headers, ...client },
      });
      note(said);
      return said;
    },
    async cut({ method, path, headers = {}, body = new Uint8Array() }, sent, kind) {
      const url = new URL(path, base);
      const socket = connect({ port: Number(url.port), host: url.hostname });
      socket.on("error", () => undefined);
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      const ours = { host: url.host, "holdfast-client": transfer };
      const all = { ...ours, ...headers, "content-length": String(body.length) };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`);
      await new Promise<void>((resolve) => {
        socket.write(body.subarray(0, sent), () => resolve());
        socket.once("close", () => resolve());
      });
      socket.resume();
      if (kind === "silence") return void silent.add(socket);
      if (kind === "reset") socket.resetAndDestroy();
      else socket.end();
      await closed;
    },
    told: () => told,
    close() {
      for (const socket of silent) socket.destroy();
      silent.clear();
    },
  };
}

/** As a store answers that is a server. */
function askStore(store: (wants: Wants) => void, wants: Wants): Said {
  const empty = { headers: {}, bytes: Buffer.alloc(0) };
  try {
    store(wants);
    return { status: 200, ...empty };
  } catch (error) {
    if (isHoldfastError(error) && error.details["isPlaceGone"]) return { status: 404, ...empty };
    throw error;
  }
}

function send(url: URL, { method, headers = {}, body }: Wants): Promise<Said> {
  return new Promise((resolve, reject) => {
    const length = body ? { "content-length": String(body.length) } : {};
    const req = request(url, { method, headers: { ...length, ...headers }, agent: false });
    req.on("response", (res) => {
      const pieces: Buffer[] = [];
      res.on("data", (piece: Buffer) => pieces.push(piece));
      res.on("error", reject);
      res.on("end", () => {
        const bytes = Buffer.concat(pieces);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, bytes });
      });
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** The own API tells it in JSON. */
function offsetIn({ headers, bytes }: Said): number | undefined {
  if (headers["content-type"] !== "application/json") return undefined;
  const value: unknown = JSON.parse(bytes.toString());
  const isTold = typeof value === "object" && value !== null && "offset" in value;
  return isTold && typeof value.offset === "number" ? value.offset : undefined;
}
