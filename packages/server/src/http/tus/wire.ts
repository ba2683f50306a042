// tus 1.0.0 on its routes: version, options, methods in a header, statuses.
import {
  CHECKSUM_ALGORITHMS,
  requireTusVersion,
  TUS_VERSION,
  tusRefusalOf,
} from "@holdfast/protocol";
import type { Request } from "../request.ts";
import type { Wire } from "../wire.ts";

export const TUS: Wire = {
  methods: ["POST", "HEAD", "PATCH", "OPTIONS", "GET", "DELETE"],
  headers: { "tus-resumable": TUS_VERSION },
  meant: overridden,
  options: ({ engine }, request) => ({
    "tus-version": TUS_VERSION,
    "tus-extension": extensionsOf(request),
    "tus-max-size": String(engine.abilities.sizeMax),
    "tus-checksum-algorithm": CHECKSUM_ALGORITHMS.join(","),
  }),
  requireSpoken: ({ header }) => requireTusVersion(header),
  dialect:
    ({ method }) =>
    (error) =>
      tusRefusalOf(error, method),
};

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
