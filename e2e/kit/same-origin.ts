// Pages and a server of one origin, as behind a site's own proxy; parts by signed requests are counted on their way, and kept back where a test wants them to be under way.
import { once } from "node:events";
import { passOn, startRelay } from "@holdfast/testkit/relay";

export interface SameOrigin {
  readonly url: string;
  /** Parts that were passed on by signed requests, in order, and by those of a page. */
  readonly signed: readonly number[];
  readonly sent: readonly number[];
  /** Keeps all parts back from now on, until they are let go of. */
  hold(): { readonly signed: () => void; readonly sent: () => void };
  close(): Promise<void>;
}

const SIGNED = /^\/p\/[^/]+\/[^/]+\/([0-9]+)\?/;
const SENT = /^\/v1\/uploads\/[^/]+\/parts\/([0-9]+)(?:-([0-9]+))?$/;

export async function serveSameOrigin(server: string, pages: string): Promise<SameOrigin> {
  const signed: number[] = [];
  const sent: number[] = [];
  let held = { signed: Promise.resolve(), sent: Promise.resolve() };
  const relay = await startRelay(async (request, response) => {
    const { url = "", method } = request;
    if (method === "PUT") {
      const [, part] = SIGNED.exec(url) ?? [];
      const [, start, end = start] = SENT.exec(url) ?? [];
      if (part !== undefined) {
        await Promise.race([held.signed, once(response, "close")]);
        if (response.destroyed) return;
        signed.push(Number(part));
      } else if (start !== undefined) {
        await Promise.race([held.sent, once(response, "close")]);
        if (response.destroyed) return;
      }
      for (let index = Number(start); index <= Number(end); index++) sent.push(index);
    }
    passOn(/^\/(?:v1|p)\//.test(url) ? server : pages, request, response);
  });
  return {
    url: relay.url,
    signed,
    sent,
    hold() {
      const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      held = { signed: one.promise, sent: other.promise };
      return { signed: one.resolve, sent: other.resolve };
    },
    close: relay.close,
  };
}
