// One request by fetch.
import type { TransportRequest, TransportResponse } from "../ports.ts";
import { failureOf, redirectResponse } from "./answer.ts";

export async function sendByFetch(
  request: TransportRequest,
  body: Blob | undefined,
): Promise<TransportResponse> {
  const { url, method, signal } = request;
  // What an answer says, it says now. Said by `cache`, Chromium would ask each time anew whether the page may send this.
  const headers = { ...request.headers, "cache-control": "no-cache" };
  const response = await fetch(url, {
    method,
    headers,
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
