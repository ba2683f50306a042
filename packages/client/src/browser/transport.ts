// HTTP as browsers have it: fetch, and XMLHttpRequest for bodies, since that tells how they move.
import type { Transport, TransportRequest } from "../ports.ts";
import { sendByFetch } from "./fetch.ts";
import type { Origins } from "./origins.ts";
import { plainView } from "./platform.ts";
import { sendByXhr } from "./xhr.ts";

/** A service worker has no XMLHttpRequest: there a body goes out unseen. */
export function createBrowserTransport(origins: Pick<Origins, "find">): Transport {
  const canXhr = "XMLHttpRequest" in globalThis;
  return {
    mayRepeat: true,
    async request(request) {
      request.signal.throwIfAborted();
      const { body } = request;
      if (!body) return sendByFetch(request, undefined);
      const whole = bodyOf(body, origins);
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

/** As a Blob: a tool that watches the network, as the browser's own does, is told the bytes of any other body. */
function bodyOf(body: readonly Uint8Array[], { find }: Pick<Origins, "find">): Blob {
  const [only] = body;
  const known = only && body.length === 1 ? find(only) : undefined;
  return known ?? new Blob(body.map(plainView));
}
