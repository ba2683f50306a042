// One request by fetch.
import type { TransportRequest, TransportResponse } from "../ports.ts";
import { failureOf, redirectResponse } from "./answer.ts";

export async function sendByFetch(
  request: TransportRequest,
  body: Blob | undefined,
): Promise<TransportResponse> {
  const { url, method, signal } = request;
  const response = await fetch(url, {
    method,
    ...fresh(request.headers),
    signal,
    ...(body === undefined ? {} : { body }),
    // Who asks is told by a header of its own, if at all.
    credentials: "omit",
    redirect: "manual",
    referrerPolicy: "no-referrer",
  }).catch((error: unknown) => {
    throw failureOf(signal, error);
  });
  if (body) request.onSent(body.size);
  if (response.type === "opaqueredirect") return redirectResponse("");
  return {
    status: response.status,
    header: (name) => response.headers.get(name) ?? undefined,
    read: (take) => readBody(response, take, signal),
  };
}

/**
 * What an answer says, it says now. Where that is said by `cache`, Chromium asks each time anew whether the page may send the request; said by a header, which our
 * server knows, once. Content, which comes in ranges, would be kept by the browser then.
 */
function fresh(headers: TransportRequest["headers"]): RequestInit {
  const isQuestion = headers["holdfast-client"] !== undefined && headers["range"] === undefined;
  return isQuestion
    ? { headers: { ...headers, "cache-control": "no-cache" } }
    : { headers, cache: "no-store" };
}

async function readBody(
  { body }: Response,
  take: (piece: Uint8Array) => void | Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (!body) return;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw failureOf(signal, error);
    });
    if (done) return;
    try {
      await take(value);
    } catch (error) {
      // Whoever does not want the rest leaves the connection; how it ends tells nobody anything.
      reader.cancel().catch(() => undefined);
      throw error;
    }
  }
}
