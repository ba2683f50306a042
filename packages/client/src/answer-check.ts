// Whether an answer is one of Holdfast's, or of a store's, and good: errors by their codes where it is not.
import { decodeProblem, type ErrorCode, HoldfastError } from "@holdfast/protocol";
import { parseJson } from "./parse-json.ts";
import type { Clock, TransportResponse } from "./ports.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { storeError } from "./store-error.ts";

/** As much of an answer as says what it is. */
interface Answered {
  readonly status: number;
  header(name: string): string | undefined;
  text(): Promise<string>;
}

/** Part of an address before our own routes: what a person gave. */
function serverOf(url: string): string {
  return url.replace(/\/v1\/(?:uploads|files).*$|\/manifest$/, "");
}

/** `answered`: addresses at which Holdfast has answered before. */
export async function requireOwn(
  response: TransportResponse,
  answer: Answered,
  url: string,
  clock: Clock,
  answered: Set<string>,
): Promise<void> {
  const isPast = answered.has(serverOf(url));
  if (isRedirect(response)) throw redirected(response, url, clock, isPast);
  if (response.header("holdfast-version") === undefined) throw notHoldfast(response, clock);
  answered.add(serverOf(url));
  if (!isGood(response)) throw await errorOf(answer, clock);
}

export async function requireStored(
  response: TransportResponse,
  answer: Answered,
  clock: Clock,
): Promise<void> {
  if (isGood(response)) return;
  const isHoldfast = response.header("holdfast-version") !== undefined;
  if (isHoldfast && !isRedirect(response)) throw await errorOf(answer, clock);
  throw storeError(response.status, await answer.text(), retryAfter(answer, clock));
}

function isGood({ status }: TransportResponse): boolean {
  return status >= 200 && status <= 299;
}

function isRedirect({ status }: TransportResponse): boolean {
  return status >= 300 && status < 400 && status !== 304;
}

/**
 * Nothing follows a redirect: a token must not go where somebody else points. At an address where Holdfast has never answered, it is the address that is wrong;
 * where it has, also another transfer of this program, something stands in between for a while, such as a captive portal.
 */
function redirected(
  response: TransportResponse,
  from: string,
  clock: Clock,
  isPast: boolean,
): HoldfastError {
  if (isPast) return notHoldfast(response, clock);
  const { status } = response;
  const led = response.header("location") ?? "";
  // Browsers do not say where.
  const to = led === "" ? null : URL.parse(led, from);
  if (!to)
    return new HoldfastError("wrong_address", `the server points elsewhere by status ${status}`, {
      status,
    });
  // What a person gave was the part before our own routes; credentials and a query would end up in logs.
  const location = to.origin + to.pathname.replace(/\/v1\/uploads.*$|\/manifest$/, "");
  return new HoldfastError("wrong_address", `the server points to ${location}`, {
    status,
    location,
  });
}

function notHoldfast(response: TransportResponse, clock: Clock): HoldfastError {
  const { status } = response;
  return new HoldfastError(
    "not_holdfast",
    `something else than Holdfast answered with status ${status}`,
    { status, ...retryAfter(response, clock) },
  );
}

const CODE_OF_STATUS = new Map<number, ErrorCode>([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "file_not_found"],
  [405, "method_not_allowed"],
  [408, "body_stalled"],
  [410, "upload_ended"],
  [412, "precondition_failed"],
  [413, "size_too_large"],
  [416, "range_not_satisfiable"],
  [431, "headers_too_large"],
  [429, "shutting_down"],
  [503, "shutting_down"],
  [507, "storage_full"],
]);

/** Details that decide what the client does next: it finds them out itself, and takes no answer's word for them. */
const OWN_DETAILS: ReadonlySet<string> = new Set(["retryAfterMs", "refused", "signal", "silentMs"]);

/** The error of an answer; by its status where it brings no problem document, as an answer to HEAD. */
async function errorOf(answer: Answered, clock: Clock): Promise<HoldfastError> {
  const { status } = answer;
  const problem = decodeProblem(parseJson(await answer.text()));
  const code = problem?.code ?? CODE_OF_STATUS.get(status) ?? otherCode(status);
  const message = problem?.message ?? `the server answered with status ${status}`;
  const details = Object.entries(problem?.details ?? {}).filter(([name]) => !OWN_DETAILS.has(name));
  return new HoldfastError(code, message, {
    ...Object.fromEntries(details),
    status,
    ...retryAfter(answer, clock),
  });
}

function otherCode(status: number): ErrorCode {
  return status >= 500 ? "internal" : "invalid_request";
}

function retryAfter(
  answer: { header(name: string): string | undefined },
  clock: Clock,
): { readonly retryAfterMs?: number } {
  const ms = parseRetryAfter(answer.header("retry-after"), answer.header("date"), clock.now());
  return ms === undefined ? {} : { retryAfterMs: ms };
}
