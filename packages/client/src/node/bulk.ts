// GETs of many bytes: the kernel puts them where they belong. node:http makes memory for every 64 KiB and again for what its parser copies, and the collector of garbage
// goes through the whole heap for that, over and over: half of what a download costs.
import { connect, type Socket } from "node:net";
import type { TransportRequest, TransportResponse } from "../ports.ts";
import { type Carrier, createExchange, type Exchange } from "./bulk-exchange.ts";

export interface Bulk {
  /**
   * As `Transport.request`, for a GET that has `room` for the body. Errors are Node's.
   * "odd" where it takes all of HTTP to read the answer: nothing of it was handed over, and it may be asked for again in another way.
   */
  request(request: Asked): Promise<TransportResponse | "odd">;
  /** Makes connections that the first requests will take, where there is none to that server: what is to be done before these can be sent is done meanwhile. */
  prepare(url: string): void;
  close(): void;
}

export type Asked = TransportRequest & Required<Pick<TransportRequest, "room">>;

interface Line {
  readonly socket: Socket;
  readonly own: Uint8Array;
  exchange: Exchange | undefined;
  isConnected: boolean;
}

/** Connections that a file's first requests take: for what it is, and for its first bytes. */
const FIRST = 2;
/** Idle connections to one server that are kept. */
const IDLE_MAX = 16;
const OWN_SIZE: number = 64 * 1024;
/** What nobody has sent anything over for so long is closed, in milliseconds: a server that waits for a request may be about to do so too. */
const PREPARED_MS = 4_000;

/** Whether a request is one for this: in the clear, without a body, and its address is nothing but one. */
export function isBulk(request: TransportRequest): request is Asked {
  const { method, url, body, room } = request;
  return method === "GET" && !body && room !== undefined && isPlain(url);
}

function isPlain(url: string): boolean {
  return /^http:\/\/[^@]*$/.test(url);
}

/** @param connectMs Who has not answered the call for a connection after this long is not there. */
export function createBulk(connectMs: number): Bulk {
  const lines = new Set<Line>();
  const idle = new Map<string, Line[]>();
  // Who has once answered in a way that is not for us will do so again.
  const odd = new Set<string>();

  function openLine(host: string, url: URL): Line {
    const own = new Uint8Array(OWN_SIZE);
    let line: Line | undefined;
    const socket = connect({
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(url.port || 80),
      noDelay: true,
      onread: {
        buffer: () => line?.exchange?.memory() ?? own,
        callback(size, memory) {
          const exchange = line?.exchange;
          // Nothing was asked for.
          if (!exchange) socket.destroy();
          return exchange?.arrived(memory.subarray(0, size)) ?? false;
        },
      },
    });
    const opened: Line = { socket, own, exchange: undefined, isConnected: false };
    line = opened;
    lines.add(opened);
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection within ${connectMs / 1000} s`)),
      connectMs,
    );
    let error: Error | undefined;
    socket.once("connect", () => {
      opened.isConnected = true;
      clearTimeout(timer);
    });
    socket.on("error", (cause) => {
      error = cause;
    });
    socket.once("close", () => {
      clearTimeout(timer);
      lines.delete(opened);
      forget(idle.get(host), opened);
      opened.exchange?.closed(error);
    });
    return opened;
  }

  function carrierOf(host: string, line: Line): Carrier {
    const { socket } = line;
    return {
      resume: () => socket.resume(),
      destroy: () => socket.destroy(),
      release(keptMs) {
        line.exchange = undefined;
        const kept = idle.get(host) ?? [];
        idle.set(host, kept);
        if (keptMs === 0 || kept.length >= IDLE_MAX) {
          socket.destroy();
          return;
        }
        keep(kept, line, keptMs);
      },
    };
  }

  function keep(kept: Line[], line: Line, keptMs: number): void {
    kept.push(line);
    line.socket.unref();
    line.socket.setTimeout(keptMs, () => line.socket.destroy());
  }

  /** The one that was used last: those behind it may end. */
  function takeIdle(host: string): Line | undefined {
    const line = idle.get(host)?.pop();
    line?.socket.ref();
    line?.socket.setTimeout(0).removeAllListeners("timeout");
    return line;
  }

  return {
    async request(request) {
      const url = new URL(request.url);
      const { host } = url;
      if (odd.has(host)) return "odd";
      const head = headOf(url, request.headers);
      const free = takeIdle(host);
      const line = free ?? openLine(host, url);
      const exchange = createExchange(carrierOf(host, line), line.own, request.room);
      line.exchange = exchange;
      if (line.isConnected) request.onConnected("reused");
      else line.socket.once("connect", () => request.onConnected("made"));
      const abort = () => exchange.fail(request.signal.reason);
      request.signal.addEventListener("abort", abort, { once: true });
      line.socket.write(head, "latin1");
      const answer = await exchange.answered;
      // What a file is may be told in another way than its bytes are.
      if (answer === "odd" && "range" in request.headers) odd.add(host);
      return answer;
    },
    prepare(address) {
      if (!isPlain(address) || !URL.canParse(address)) return;
      const url = new URL(address);
      const { host } = url;
      if (odd.has(host) || idle.has(host)) return;
      const kept: Line[] = [];
      idle.set(host, kept);
      while (kept.length < FIRST) keep(kept, openLine(host, url), PREPARED_MS);
    },
    close() {
      for (const { socket } of lines) socket.destroy();
    },
  };
}

function forget(lines: Line[] | undefined, line: Line): void {
  const at = lines?.indexOf(line) ?? -1;
  if (at >= 0) lines?.splice(at, 1);
}

// RFC 9110 section 5: a token, and visible text.
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @throws TypeError where a field's name or value would break the head. */
function headOf({ host, pathname, search }: URL, headers: TransportRequest["headers"]): string {
  const lines = [`GET ${pathname}${search} HTTP/1.1`, `host: ${host}`, "connection: keep-alive"];
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name) || !VALUE.test(value)) throw new TypeError(`no header field: ${name}`);
    lines.push(`${name}: ${value}`);
  }
  return [...lines, "", ""].join("\r\n");
}
