// Pages of other origins (the fetch standard's CORS): which may read, which may write, and what a browser is told beforehand.
import { isIP } from "node:net";
import { HoldfastError } from "@holdfast/protocol";
import { emptyReply, type Reply } from "./reply.ts";
import type { Request } from "./request.ts";

export interface Cors {
  /**
   * Refuses what a page of another origin sends without asking first: a form, a plain POST. Reading is the browser's to refuse, by the headers that are not
   * there. Refuses everything that came by a name that may have been turned on this machine.
   * @throws HoldfastError `origin_not_allowed`
   */
  requireWelcome(request: Request): void;
  /** The answer to a browser that asks beforehand, if this is one that may ask. */
  preflight(request: Request, methods: Iterable<string>): Reply | undefined;
  /** The reply with what lets the page see it. */
  mark(request: Request, reply: Reply): Reply;
}

/** Headers that a page may send beyond those that every page may. */
const REQUEST_HEADERS = [
  ...["Authorization", "Content-Type", "Content-Digest", "Content-Disposition", "Repr-Digest"],
  ...[
    "Part-Digest",
    "Holdfast-Client",
    "Holdfast-Metadata",
    "Holdfast-Verify",
    "Idempotency-Key",
    "Last-Event-ID",
    "Cache-Control",
  ],
  ...["Range", "If-Match", "If-None-Match", "If-Range", "If-Modified-Since"],
  ...["If-Unmodified-Since", "Upload-Offset", "Upload-Complete", "Upload-Length"],
  ...["Upload-Draft-Interop-Version", "Want-Repr-Digest", "Want-Content-Digest"],
  ...["Upload-Incomplete"],
  ...["Tus-Resumable", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat"],
  ...["Upload-Checksum", "X-HTTP-Method-Override", "X-Requested-With", "X-Request-ID", "Origin"],
];

/** Headers that a page may see beyond those that every page may. */
const RESPONSE_HEADERS = [
  ...[
    "Holdfast-Version",
    "Holdfast-Damaged",
    "Location",
    "Content-Location",
    "ETag",
    "Retry-After",
    "Allow",
    // By whose clock it is said until when: a page's own may be wrong.
    "Date",
  ],
  ...["Accept-Ranges", "Content-Range", "Content-Disposition", "Content-Digest", "Repr-Digest"],
  ...["Upload-Offset", "Upload-Complete", "Upload-Length", "Upload-Limit", "WWW-Authenticate"],
  ...["Upload-Draft-Interop-Version", "Upload-Incomplete", "Tus-Resumable", "Tus-Version"],
  ...["Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm", "Upload-Metadata"],
  ...["Upload-Defer-Length", "Upload-Concat", "Upload-Expires"],
].join(", ");

/** Seconds that a browser may go by the answer: a day, of which Chromium takes two hours. */
const MAX_AGE_S = 86_400;

const READING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * @param origins Exactly as browsers write them, such as `https://app.example`.
 * @param isOpen Whether everybody on this machine may come in, without a token. Then the name that a page thinks it is talking to has to be this machine's: whoever
 * owns a name can let it point here after his page was loaded, and what the page does then is same-origin to its browser.
 */
export function createCors(origins: readonly string[], isOpen: () => boolean): Cors {
  const allowed = new Set(origins);
  const hosts = new Set(origins.map((origin) => new URL(origin).host));
  // Credentials (cookies) are never allowed: a token goes in a header, which no page can send for another.
  const allow = (origin: string): Record<string, string> => ({
    "access-control-allow-origin": origin,
  });
  /** Caches keep one reply an origin, also of those that get none of these headers. */
  const vary: Record<string, string> = allowed.size > 0 ? { vary: "Origin" } : {};

  function allowedOrigin(request: Request): string | undefined {
    const origin = request.header("origin");
    return origin !== undefined && allowed.has(origin) ? origin : undefined;
  }

  return {
    requireWelcome(request) {
      const host = request.header("host") ?? "localhost";
      if (isOpen() && !isThisMachine(host) && !hosts.has(host)) {
        const message = "without a token the server answers only by names of this machine";
        throw new HoldfastError("origin_not_allowed", message, { field: "host" });
      }
      const isWelcome = READING.has(request.method) || allowedOrigin(request) || isOwn(request);
      if (!isWelcome) throw new HoldfastError("origin_not_allowed");
    },
    preflight(request, methods) {
      const origin = allowedOrigin(request);
      const isAsking = request.header("access-control-request-method") !== undefined;
      if (request.method !== "OPTIONS" || !origin || !isAsking) return undefined;
      return emptyReply(204, {
        ...allow(origin),
        vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        "access-control-allow-methods": [...methods].join(", "),
        "access-control-allow-headers": allowedHeaders(request),
        "access-control-max-age": `${MAX_AGE_S}`,
      });
    },
    mark(request, reply) {
      // What every page may see is the same for all of them: one copy in a cache is enough.
      if (reply.headers["access-control-allow-origin"] === "*") return reply;
      const origin = allowedOrigin(request);
      const exposed = { "access-control-expose-headers": RESPONSE_HEADERS };
      const more = origin ? { ...vary, ...allow(origin), ...exposed } : vary;
      return { ...reply, headers: { ...more, ...reply.headers } };
    },
  };
}

/** What a page asks for besides is its application's own: to an origin that may write, no field is worth more than another. */
function allowedHeaders(request: Request): string {
  const known = new Set(REQUEST_HEADERS.map((name) => name.toLowerCase()));
  const asked = (request.header("access-control-request-headers") ?? "").split(",");
  const own = asked.map((name) => name.trim()).filter((name) => FIELD_NAME.test(name));
  return [...REQUEST_HEADERS, ...own.filter((name) => !known.has(name.toLowerCase()))].join(", ");
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;

/** Whether no page sends it, or one of this very server. Browsers say so themselves, in two ways; whoever is no browser says nothing. */
function isOwn(request: Request): boolean {
  const site = request.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin" || site === "none";
  const origin = request.header("origin");
  if (origin === undefined) return true;
  const host = request.header("host");
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/** An address, which nobody can point elsewhere, or a name that means this machine everywhere (RFC 6761). */
function isThisMachine(host: string): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  return isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0 || /^(?:.+\.)?localhost$/.test(name);
}

/**
 * An origin as browsers write it.
 * @throws HoldfastError `usage`
 */
export function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  const isOne = !text.includes("*");
  if (url && isHttp && isOne && (text === url.origin || text === `${url.origin}/`))
    return url.origin;
  throw new HoldfastError(
    "usage",
    `"${text}" is no origin: write scheme, host and perhaps port, such as https://app.example`,
  );
}
