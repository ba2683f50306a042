// From a request to its handler and back to a reply: routes, methods, authentication, errors.
import { handOn, type Outlet, type Pieces } from "@holdfast/engine";
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { deleteFile } from "./files/delete.ts";
import { getFile } from "./files/get.ts";
import { listFiles } from "./files/list.ts";
import { getManifest } from "./files/manifest.ts";
import { postFile } from "./files/post.ts";
import { getPublicFile, getPublicManifest, makePrivate, makePublic } from "./files/public.ts";
import type { Front, Handler } from "./front.ts";
import type { Brings } from "./in-flight.ts";
import { observe } from "./observe.ts";
import { getLive } from "./ops/live.ts";
import { getMetrics } from "./ops/metrics.ts";
import { getOpenApi } from "./ops/openapi.ts";
import { getPage } from "./ops/page.ts";
import { getReady } from "./ops/ready.ts";
import { postSweep } from "./ops/sweep.ts";
import { type Dialect, problemReply } from "./problem.ts";
import { emptyReply, type Headers, type Reply } from "./reply.ts";
import type { Request } from "./request.ts";
import { type Access, admit, comesByAddress } from "./signed/admit.ts";
import { revokeContentLink, revokeLink, signContentLink, signLink } from "./signed/links.ts";
import { putSignedPart } from "./signed/put-part.ts";
import { revokeRequests, signRequests } from "./signed/requests.ts";
import { appendTus } from "./tus/append.ts";
import { createTus } from "./tus/create.ts";
import { deleteTus } from "./tus/delete.ts";
import { getTusOffset } from "./tus/head.ts";
import { TUS } from "./tus/wire.ts";
import { abortUpload } from "./uploads/abort.ts";
import { appendUpload } from "./uploads/append.ts";
import { completeUpload } from "./uploads/complete.ts";
import { confirmParts } from "./uploads/confirm.ts";
import { getContent } from "./uploads/content.ts";
import { createUpload } from "./uploads/create.ts";
import { getEvents } from "./uploads/events.ts";
import { getOffset } from "./uploads/head.ts";
import { getLimits } from "./uploads/limits.ts";
import { putRun } from "./uploads/put-run.ts";
import { resumableDialect } from "./uploads/refusal.ts";
import { getStatus } from "./uploads/status.ts";
import type { Wire } from "./wire.ts";

export interface Route {
  /** Segments of the path; `*` takes any one and hands it to the handler. */
  readonly segments: readonly string[];
  readonly methods: ReadonlyMap<string, Handler>;
  readonly access: Access;
  /** How errors are told here, where that is the protocol's to say. */
  readonly dialect?: (request: Request) => Dialect | undefined;
  /** The protocol that all of its requests are in, where that is another one than the own API. */
  readonly wire?: Wire;
}

/** Each one has a row in the API's description (`openapi/operations`). */
export const ROUTES: readonly Route[] = [
  route("/v1/uploads/*/parts/*", { PUT: putRun }),
  route("/v1/uploads", { POST: createUpload }),
  {
    ...route("/v1/uploads/*", {
      GET: getStatus,
      HEAD: getOffset,
      PATCH: appendUpload,
      DELETE: abortUpload,
    }),
    dialect: resumableDialect,
  },
  route("/v1/uploads/*/content", { GET: getContent, HEAD: getContent }, "token or content link"),
  route("/v1/uploads/*/links", { POST: signContentLink }),
  route("/v1/uploads/*/links/*", { DELETE: revokeContentLink }),
  route("/v1/uploads/*/events", { GET: getEvents }),
  route("/v1/uploads/*/complete", { POST: completeUpload }),
  {
    ...route("/v1/files", { GET: listFiles, POST: postFile, OPTIONS: getLimits }),
    dialect: resumableDialect,
  },
  route("/v1/files/*", { GET: getFile, HEAD: getFile, DELETE: deleteFile }, "token or file link"),
  route("/v1/files/*/manifest", { GET: getManifest, HEAD: getManifest }, "token or file link"),
  route("/v1/files/*/links", { POST: signLink }),
  route("/v1/files/*/links/*", { DELETE: revokeLink }),
  route("/v1/files/*/public", { PUT: makePublic, DELETE: makePrivate }),
  route("/public/*", { GET: getPublicFile, HEAD: getPublicFile }, "public"),
  route("/public/*/manifest", { GET: getPublicManifest, HEAD: getPublicManifest }, "public"),
  route("/v1/uploads/*/requests", { POST: signRequests, DELETE: revokeRequests }),
  route("/v1/uploads/*/parts", { POST: confirmParts }),
  route("/p/*/*/*", { PUT: putSignedPart }, "signed part"),
  { ...route("/tus", { POST: createTus }), wire: TUS },
  {
    ...route("/tus/*", { HEAD: getTusOffset, PATCH: appendTus, DELETE: deleteTus }),
    wire: TUS,
  },
  route("/livez", { GET: getLive, HEAD: getLive }, "everybody"),
  route("/readyz", { GET: getReady, HEAD: getReady }, "everybody"),
  route("/metrics", { GET: getMetrics }),
  route("/v1/sweep", { POST: postSweep }),
  route("/openapi.json", { GET: getOpenApi, HEAD: getOpenApi }),
  route("/", { GET: getPage, HEAD: getPage }),
];

function route(path: string, methods: Record<string, Handler>, access: Access = "token"): Route {
  return { segments: path.split("/"), methods: new Map(Object.entries(methods)), access };
}

/** Never rejects: an error is a reply too. */
export async function answer(front: Front, sent: Request): Promise<Reply> {
  const found = findRoute(addressOf(sent));
  const wire = found?.route.wire;
  const request = wire ? wire.meant(sent) : sent;
  const seen = observe(front, request, found?.route);
  const tell = (reply: Reply) => seen.answered(front.cors.mark(request, dress(reply, wire)));
  try {
    // Who asks so has no token yet, and what is asked is no secret: which methods an address takes.
    const methods = wire?.methods ?? found?.route.methods.keys() ?? [];
    const preflight = found && front.cors.preflight(sent, methods);
    if (wire && request.method === "OPTIONS")
      return tell(optionsReply(wire, await wire.options(front, request), preflight));
    if (preflight) return tell(preflight);
    front.cors.requireWelcome(sent);
    front.cors.requireWelcome(request);
    // Who may not come in does not learn which addresses exist.
    const access = found?.route.access ?? "token";
    const admitted = await admit(front, access, request, found?.params ?? []);
    const { principal } = admitted;
    seen.admitted(principal);
    if (!found) throw new HoldfastError("route_not_found");
    wire?.requireSpoken(request);
    const handler = found.route.methods.get(request.method);
    if (!handler) throw notAllowed(found.route);
    const brings = bringsOf(access, request, handler);
    const leave = front.inFlight.enter(principal, brings);
    try {
      const reply = await handler(front, { request, params: found.params, ...admitted });
      return tell(whileSent(reply, () => front.inFlight.stay(principal, brings)));
    } finally {
      leave();
    }
  } catch (error) {
    seen.refused(toHoldfastError(error).code);
    return tell(problemReply(error, front, (wire ?? found?.route)?.dialect?.(request)));
  }
}

/** What a protocol says with every reply. */
function dress(reply: Reply, wire: Wire | undefined): Reply {
  return wire ? { ...reply, headers: { ...wire.headers, ...reply.headers } } : reply;
}

/** Asked by a client or, beforehand, by its browser: both hear what there is. */
function optionsReply({ methods }: Wire, options: Headers, preflight: Reply | undefined): Reply {
  return emptyReply(204, { allow: methods.join(", "), ...options, ...preflight?.headers });
}

/** Standard clients are pointed at either form of `/tus`. `OPTIONS *` asks the server as a whole (RFC 9110 section 9.3.7): what it says of uploads is what it says where they begin. */
function addressOf({ method, path }: Request): string {
  if (path === "/tus/") return "/tus";
  return method === "OPTIONS" && path === "*" ? "/v1/files" : path;
}

function findRoute(
  path: string,
): { readonly route: Route; readonly params: readonly string[] } | undefined {
  const segments = decodeSegments(path);
  if (!segments) return undefined;
  for (const route of ROUTES) {
    const params = matchSegments(route.segments, segments);
    if (params) return { route, params };
  }
  return undefined;
}

/** Each segment decoded by itself, so that an encoded slash never becomes a border; undefined where the encoding is malformed. */
function decodeSegments(path: string): readonly string[] | undefined {
  const segments = path.split("/");
  if (!path.includes("%")) return segments;
  try {
    return segments.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): readonly string[] | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: string[] = [];
  for (const [at, segment] of segments.entries()) {
    if (pattern[at] === "*") params.push(segment);
    else if (pattern[at] !== segment) return undefined;
  }
  return params;
}

/** What takes the bytes of parts and files; any other handler takes a few words of JSON. */
const TAKE_BYTES: ReadonlySet<Handler> = new Set([
  ...[putRun, putSignedPart, appendUpload, postFile, createTus, appendTus],
]);

function bringsOf(access: Access, request: Request, handler: Handler): Brings {
  if (comesByAddress(access, request)) return "link";
  return TAKE_BYTES.has(handler) ? "bytes" : "words";
}

/** A stream is under way until it ends; one that is never opened (its client is gone, it answers a HEAD) does not begin. */
function whileSent(reply: Reply, stay: () => () => void): Reply {
  const { content } = reply;
  if (content.kind !== "stream") return reply;
  const { size, open } = content;
  function counted(gone: AbortSignal, outlet?: Outlet): Pieces {
    let leave: (() => void) | undefined;
    let isOver = false;
    const end = (): void => {
      if (!isOver) leave?.();
      isOver = true;
    };
    const pieces = open(gone, outlet);
    const next = async (): ReturnType<Pieces["next"]> => {
      if (!isOver) leave ??= stay();
      try {
        const piece = await pieces.next();
        if (piece.done) end();
        return piece;
      } catch (error) {
        end();
        throw error;
      }
    };
    return { ...handOn(pieces, next), return: (value) => pieces.return(value).finally(end) };
  }
  return { ...reply, content: { kind: "stream", size, open: counted } };
}

function notAllowed({ methods }: Route): HoldfastError {
  return new HoldfastError("method_not_allowed", undefined, { allow: [...methods.keys()] });
}
