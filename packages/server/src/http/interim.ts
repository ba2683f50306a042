// Whether a client may be sent interim responses: who does not expect them takes one for the answer, and loses its place on the connection.

/**
 * `direct`: over HTTP/1.1 and later, unless something on the way has left its mark. `always`: behind proxies too, which are known to hand them on.
 * `never`: there is a proxy that leaves no mark.
 */
export type Interim = "direct" | "always" | "never";

interface Way {
  readonly setting: Interim;
  /** Such as `1.1`. */
  readonly httpVersion: string;
  /** Lower-case names of the request's fields. */
  readonly fields: Iterable<string>;
  /** Whether the other end of the connection is known as a proxy. */
  readonly isFromProxy: boolean;
}

const MARK = /^(?:via|forwarded|x-real-ip|x-forwarded-.+)$/;

export function canInform({ setting, httpVersion, fields, isFromProxy }: Way): boolean {
  if (setting === "never" || httpVersion === "1.0") return false;
  if (setting === "always") return true;
  if (isFromProxy) return false;
  for (const name of fields) if (MARK.test(name)) return false;
  return true;
}
