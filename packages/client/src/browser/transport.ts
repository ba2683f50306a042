// HTTP as browsers have it: fetch, and XMLHttpRequest for bodies, since that tells how they move.
import type { Body, Transport, TransportRequest } from "../ports.ts";
import { sendByFetch } from "./fetch.ts";
import { plainView } from "./platform.ts";
import { sendByXhr } from "./xhr.ts";

/** A service worker has no XMLHttpRequest: there a body goes out unseen. */
export function createBrowserTransport(): Transport {
  const canXhr = "XMLHttpRequest" in globalThis;
  return {
    mayRepeat: true,
    async request(request) {
      request.signal.throwIfAborted();
      const { body } = request;
      if (!body) return sendByFetch(request, undefined);
      const whole = blobOf(body);
      await takeTurn(request, whole.size);
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

/** Also of memory: a tool that watches the network, as the browser's own does, is told the bytes of any other body. */
function blobOf(body: Body): Blob {
  return "size" in body ? body : new Blob(body.map(plainView));
}
