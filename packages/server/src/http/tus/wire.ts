// tus 1.0.0 on its routes: version, options, methods in a header, statuses.
import {
  CHECKSUM_ALGORITHMS,
  requireTusVersion,
  TUS_VERSION,
  tusRefusalOf,
} from "@holdfast/protocol";
import type { Front } from "../front.ts";
import type { Request } from "../request.ts";
import type { Wire } from "../wire.ts";

export const TUS: Wire = {
  methods: ["POST", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE"],
  headers: { "tus-resumable": TUS_VERSION },
  meant: overridden,
  options: async (front, request) => ({
    "tus-version": TUS_VERSION,
    "tus-extension": extensionsOf(request),
    "tus-max-size": String(await sizeMaxOf(front, request)),
    "tus-checksum-algorithm": CHECKSUM_ALGORITHMS.join(","),
  }),
  requireSpoken: ({ header }) => requireTusVersion(header),
  dialect:
    ({ method }) =>
    (error) =>
      tusRefusalOf(error, method),
};

/** Nobody has to say who he is to be told of the server; who does is told what he may. */
async function sizeMaxOf({ engine, policy }: Front, { header }: Request): Promise<number> {
  const sent = header("authorization");
  if (sent === undefined) return engine.abilities.sizeMax;
  try {
    return engine.sizeMax(await policy.authenticate(sent));
  } catch {
    return engine.abilities.sizeMax;
  }
}

function extensionsOf({ trailer }: Request): string {
  return [
    ...["creation", "creation-with-upload", "creation-defer-length", "expiration"],
    ...["checksum", "termination"],
    ...(trailer ? ["checksum-trailer"] : []),
    "concatenation",
  ].join(",");
}

/** The method in the header stands over the one in the request line, whatever that is. */
function overridden(request: Request): Request {
  const method = request.header("x-http-method-override");
  return method === undefined ? request : { ...request, method: method.trim().toUpperCase() };
}
