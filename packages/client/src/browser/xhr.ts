// One request by XMLHttpRequest, which tells how much of a body the network has taken.
import type { TransportRequest, TransportResponse } from "../ports.ts";
import { failureOf, memoryResponse, redirectResponse } from "./answer.ts";

/** Answers are read into memory: those to requests with a body are short, and a file is fetched otherwise. */
export function sendByXhr(
  request: TransportRequest,
  body: Blob | Uint8Array<ArrayBuffer> | undefined,
): Promise<TransportResponse> {
  const { url, method, headers, signal, onSent } = request;
  signal.throwIfAborted();
  const xhr = new XMLHttpRequest();
  xhr.open(method, url);
  xhr.responseType = "arraybuffer";
  for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
  const size = body instanceof Uint8Array ? body.length : (body?.size ?? 0);
  let sent = 0;
  const tell = (loaded: number) => {
    if (loaded > sent) onSent(loaded - sent);
    sent = Math.max(sent, loaded);
  };
  xhr.upload.onprogress = ({ loaded }) => tell(Math.min(loaded, size));
  xhr.upload.onload = () => tell(size);
  const abort = () => xhr.abort();
  signal.addEventListener("abort", abort, { once: true });
  return new Promise<TransportResponse>((resolve, reject) => {
    xhr.onload = () => resolve(responseOf(xhr, url));
    const fail = () => reject(failureOf(signal));
    xhr.onerror = fail;
    xhr.onabort = fail;
    // Systems have limits of their own: React Native tells those by this event alone.
    xhr.ontimeout = fail;
    xhr.send(body ?? null);
  }).finally(() => signal.removeEventListener("abort", abort));
}

function responseOf(xhr: XMLHttpRequest, url: string): TransportResponse {
  const { response, responseURL, status } = xhr;
  // It follows redirects without asking.
  const isHere = responseURL === "" || responseURL === url || responseURL === new URL(url).href;
  if (!isHere) return redirectResponse(responseURL);
  const bytes = response instanceof ArrayBuffer ? new Uint8Array(response) : new Uint8Array();
  // Asked for only where it is shown: a page that may not see a header makes browsers complain to its author.
  const shown = headersOf(xhr.getAllResponseHeaders());
  return memoryResponse(status, (name) => shown.get(name), bytes);
}

function headersOf(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\r\n").map((line): [string, string] => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  return new Map(lines);
}
