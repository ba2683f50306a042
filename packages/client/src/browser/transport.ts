// HTTP as browsers have it: fetch, and XMLHttpRequest for bodies, since that tells how they move.
import type { Transport, TransportRequest } from "../ports.ts";
import { sendByFetch } from "./fetch.ts";
import { plainView } from "./platform.ts";
import { sendByXhr } from "./xhr.ts";

/** A service worker has no XMLHttpRequest: there a body goes out unseen. */
export function createBrowserTransport(): Transport {
  const canXhr = "XMLHttpRequest" in globalThis;
  return {
    async request(request) {
      request.signal.throwIfAborted();
      const { body } = request;
      if (!body) return sendByFetch(request, undefined);
      const whole = joined(body);
      await takeTurn(request, whole.length);
      return canXhr ? sendByXhr(request, whole) : sendByFetch(request, whole);
    },
    // Its connections are the browser's.
    close: () => undefined,
  };
}

/** Nobody can slow down what the browser sends: a body goes when all of it is granted. */
async function takeTurn({ grant, signal }: TransportRequest, size: number): Promise<void> {
  for (let left = size; left > 0; ) {
    left -= await grant(left);
    signal.throwIfAborted();
  }
}

/** In one piece: nearly every body is. */
function joined(body: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [only = new Uint8Array()] = body;
  if (body.length < 2) return plainView(only);
  const whole = new Uint8Array(body.reduce((size, view) => size + view.length, 0));
  let at = 0;
  for (const view of body) {
    whole.set(view, at);
    at += view.length;
  }
  return whole;
}
