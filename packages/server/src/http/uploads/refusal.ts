// How requests of Resumable Uploads for HTTP are refused: the version that they speak has its own words for some errors.
import { type HoldfastError, spokenVersion } from "@holdfast/protocol";
import type { Dialect } from "../problem.ts";
import type { Request } from "../request.ts";

/** Undefined for what is the own API's alone. */
export function resumableDialect(request: Request): Dialect | undefined {
  const { codec, stamp } = spokenVersion(request.header);
  const { method, header } = request;
  // A creation that does not say so is a plain request, whatever version it names.
  const isPlain =
    method === "POST" || (stamp === undefined && method !== "PATCH" && method !== "HEAD");
  if (isPlain && !codec.decodesBegin(header)) return undefined;
  return (error) => {
    const refusal = codec.refusalOf(error, codec.providedOffset(header));
    return { ...refusal, fields: { ...refusal.fields, ...stamp, ...locationIn(error) } };
  };
}

/** A request that has begun an upload and failed then says where to go on. */
function locationIn({ details: { upload } }: HoldfastError): Readonly<Record<string, string>> {
  return typeof upload === "string" ? { location: upload } : {};
}
