// GETs of many bytes: the kernel puts them where they belong. node:http makes memory for every 64 KiB and again for what its parser copies, and the collector of garbage
// goes through the whole heap for that, over and over: half of what a download costs.
import type { TransportRequest, TransportResponse } from "../ports.ts";
import { FIRST, takeCalled } from "./ahead.ts";
import { type Carrier, createExchange } from "./bulk-exchange.ts";
import { type BulkLine, isPlain, openLine, PREPARED_MS } from "./bulk-line.ts";

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

/** Idle connections to one server that are kept. */
const IDLE_MAX = 16;

/** Whether a request is one for this: in the clear, without a body, and its address is nothing but one. */
export function isBulk(request: TransportRequest): request is Asked {
  const { method, url, body, room } = request;
  return method === "GET" && !body && room !== undefined && isPlain(url);
}

export function createBulk(): Bulk {
  const lines = new Set<BulkLine>();
  const idle = new Map<string, BulkLine[]>();
  // Who has once answered in a way that is not for us will do so again.
  const odd = new Set<string>();

  /** Keeps account of a connection for as long as it is there. */
  function enter(host: string, line: BulkLine): BulkLine {
    lines.add(line);
    line.socket.once("close", () => {
      lines.delete(line);
      forget(idle.get(host), line);
    });
    return line;
  }

  function idleOf(host: string): BulkLine[] {
    const kept = idle.get(host) ?? [];
    idle.set(host, kept);
    return kept;
  }

  function carrierOf(host: string, line: BulkLine): Carrier {
    const { socket } = line;
    return {
      resume: () => socket.resume(),
      destroy: () => socket.destroy(),
      release(keptMs) {
        line.exchange = undefined;
        const kept = idleOf(host);
        if (keptMs === 0 || kept.length >= IDLE_MAX) {
          socket.destroy();
          return;
        }
        keep(kept, line, keptMs);
      },
    };
  }

  function keep(kept: BulkLine[], line: BulkLine, keptMs: number): void {
    kept.push(line);
    line.socket.unref();
    line.socket.setTimeout(keptMs, () => line.socket.destroy());
  }

  function keepCalled(host: string): void {
    for (const line of takeCalled(host)) keep(idleOf(host), enter(host, line), PREPARED_MS);
  }

  /** The one that was used last: those behind it may end. */
  function takeIdle(host: string): BulkLine | undefined {
    keepCalled(host);
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
      const line = free ?? enter(host, openLine(url));
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
      keepCalled(host);
      const kept = idleOf(host);
      while (kept.length < FIRST) keep(kept, enter(host, openLine(url)), PREPARED_MS);
    },
    close() {
      for (const { socket } of lines) socket.destroy();
    },
  };
}

function forget(lines: BulkLine[] | undefined, line: BulkLine): void {
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
