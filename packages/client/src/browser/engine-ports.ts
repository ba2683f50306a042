// What the transfers of a page run on, all of them together: what one of them closes at its end, the others still need.
import { HoldfastError } from "@holdfast/protocol";
import { IN_FLIGHT, MEMORY } from "../line.ts";
import { createPlace } from "../place-id.ts";
import type { Ports } from "../ports.ts";
import { createShare } from "../share.ts";
import { createCheckpointStore, settleIn } from "./checkpoint.ts";
import { createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createBrowserDigester } from "./digester.ts";
import type { Settings } from "./messages.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { countTabs } from "./tabs.ts";
import { createBrowserTransport } from "./transport.ts";

/** Of all runs in flight, in all tabs, in bytes: what the browser reads into and what it digests from is as much again. */
const HELD: number = MEMORY / 2;

interface Place {
  readonly database: Database;
  readonly isEnded: () => boolean;
}

export function browserPorts(
  { inFlight = IN_FLIGHT, memory = HELD, limitRate }: Settings,
  { database, isEnded }: Place,
): Ports {
  const rate = limitRate === undefined ? {} : { limitRate };
  const tabs = countTabs(navigator.locks, browserClock);
  const transport = createBrowserTransport();
  const own = {
    checkpoints: createCheckpointStore({
      clock: browserClock,
      claims: createClaims(navigator.locks),
      database,
    }),
    random: browserRandom,
    digester: createBrowserDigester(),
  };
  return {
    ...own,
    transport: {
      ...transport,
      async request(request) {
        if (isEnded()) throw new HoldfastError("aborted");
        return transport.request(request);
      },
    },
    clock: browserClock,
    lines: new Map(),
    place: createPlace(own, settleIn(database, browserClock)),
    share: createShare(browserClock, { inFlight, memory: () => memory / tabs(), ...rate }),
  };
}
