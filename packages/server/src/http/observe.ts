// What is counted and logged of every request, whatever comes of it.
import type { Principal } from "@holdfast/engine";
import type { ErrorCode } from "@holdfast/protocol";
import type { Front } from "./front.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

export interface Observation {
  /** Who is asking, once that is known. */
  admitted(principal: Principal): void;
  /** It ends with an error. */
  refused(code: ErrorCode): void;
  /** Its reply is there; what is left is sending it. */
  answered(reply: Reply): Reply;
}

/** @param route Its pattern and methods: labels are kept for ever, so they are never what a request made up. */
export function observe(
  { meter, clock, log }: Front,
  request: Request,
  route:
    | { readonly segments: readonly string[]; readonly methods: ReadonlyMap<string, unknown> }
    | undefined,
): Observation {
  const { method, path } = request;
  const before = clock.monotonic();
  let principal: string | undefined;
  let code: ErrorCode | undefined;
  meter.began();
  return {
    admitted({ id }) {
      principal = id;
    },
    refused(why) {
      code = why;
      meter.refused(why);
    },
    answered(reply) {
      const status = code === "body_size_mismatch" && isCut(request) ? GONE : reply.status;
      const ms = clock.monotonic() - before;
      const pattern = route ? route.segments.join("/") : "none";
      const known = route?.methods.has(method) ? method : "other";
      meter.answered({ route: pattern, method: known, status, seconds: ms / 1000 });
      // Without the query: signatures stand there.
      const from = request.address();
      log(levelOf(method, status), "request", {
        ...{ method, path: shown(path), status, code, principal, from },
        ms: Math.round(ms),
      });
      return reply;
    },
  };
}

/** In log and figures, of who went away before the end of what he sent: nobody hears the answer, and nothing is wrong here, whatever a protocol would have said. nginx has it, too. */
const GONE = 499;

function isCut({ body }: Request): boolean {
  return body.stopped()?.code === "body_size_mismatch";
}

/** Longer than any address of ours. */
const PATH_SHOWN_MAX = 1_000;

/**
 * A path as it is usually written (RFC 3986 section 6.2.2): an id that hides behind percent signs would not be seen as one and stand in the log. Somebody who
 * sends long ones for nothing does not fill it.
 */
function shown(path: string): string {
  const usual = path.slice(0, PATH_SHOWN_MAX).replace(/%[0-9a-f]{2}/gi, (code) => {
    const letter = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(letter) ? letter : code.toUpperCase();
  });
  return path.length > PATH_SHOWN_MAX ? `${usual}...` : usual;
}

/** What an operator is told without asking for more: what changed, what was refused, and above all what somebody was not let in to. */
function levelOf(method: string, status: number): "debug" | "info" | "warn" {
  if (status === 401 || status === 403 || status >= 500) return "warn";
  const isChange = method === "POST" || method === "DELETE";
  return status >= 400 || isChange ? "info" : "debug";
}
