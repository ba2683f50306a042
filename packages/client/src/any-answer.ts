// Whether an answer of any HTTP server to a GET is one to go on with: errors by their statuses where it is not.
import { type ErrorCode, HoldfastError } from "@holdfast/protocol";
import type { Clock, TransportResponse } from "./ports.ts";
import { parseRetryAfter } from "./retry-after.ts";

const CODE_OF_STATUS = new Map<number, ErrorCode>([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "file_not_found"],
  [410, "file_not_found"],
  [412, "precondition_failed"],
  [429, "overloaded"],
]);

/** Not of redirects. @throws HoldfastError with `details.status`; of a 416 that says the file's size, `details.size` */
export function requireAny(
  response: Pick<TransportResponse, "status" | "header">,
  clock: Clock,
): void {
  const { status } = response;
  if (status === 200 || status === 206) return;
  const code = CODE_OF_STATUS.get(status) ?? (status >= 500 ? "overloaded" : "wrong_answer");
  const ms = parseRetryAfter(response.header("retry-after"), response.header("date"), clock.now());
  const size = /^bytes \*\/([0-9]{1,15})$/i.exec(response.header("content-range") ?? "")?.[1];
  throw new HoldfastError(code, `the server answered with status ${status}`, {
    status,
    ...(ms === undefined ? {} : { retryAfterMs: ms }),
    ...(status === 416 && size !== undefined ? { size: Number(size) } : {}),
  });
}
