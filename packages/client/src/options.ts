// What a caller may set, the same for both directions.
import { encodeId, ID_BYTES } from "@holdfast/protocol";
import { createAuth, type TokenSource } from "./auth.ts";
import type { WhenBusy } from "./claim.ts";
import { createLimit, UNLIMITED } from "./limit.ts";
import { IN_FLIGHT } from "./line.ts";
import type { Ports } from "./ports.ts";
import type { Settings } from "./state.ts";
import { STALL_MS } from "./watch.ts";
import { createWire, type Wire } from "./wire.ts";

export interface TransferOptions {
  /** Sent as `Authorization: Bearer`; a function is asked again where the server refuses its last. Never goes over a network in the clear. */
  readonly token?: TokenSource;
  /** Runs in flight at most; 12 by default, 16 of a download in Node. How many there are, the line decides. */
  readonly inFlight?: number;
  /** Bytes a second over the whole transfer. */
  readonly limitRate?: number;
  /** Gives up after this long without a part committed, in milliseconds; never by default. */
  readonly giveUpMs?: number;
  /** False begins anew, whatever there is to go on with. */
  readonly resume?: boolean;
  /** Where another process is at the same transfer: `fail` by default. */
  readonly whenBusy?: WhenBusy;
  /** No byte either way on a request for this long is a stall, in milliseconds; 30 s by default. */
  readonly stallMs?: number;
}

/** Bytes a second that make a run in flight of its own worth while under a limit. */
const RATE_OF_ONE: number = 64 * 1024;

export function settingsOf(options: TransferOptions): Settings {
  const { giveUpMs, limitRate = Infinity } = options;
  // Many runs that share little would each take so long that a cut costs all of them.
  const most = Math.max(1, Math.floor(limitRate / RATE_OF_ONE));
  const inFlight = Math.min(options.inFlight ?? IN_FLIGHT, most);
  return giveUpMs === undefined ? { inFlight } : { inFlight, giveUpMs };
}

/** The wire of one running transfer. */
export function wireOf(
  { transport, clock, random, share }: Pick<Ports, "transport" | "clock" | "random" | "share">,
  options: TransferOptions,
): Wire {
  const { token, limitRate, stallMs = STALL_MS } = options;
  return createWire({
    transport,
    clock,
    stallMs,
    auth: createAuth(token),
    limit: share.limit ?? (limitRate === undefined ? UNLIMITED : createLimit(clock, limitRate)),
    answered: share.answered ?? new Set(),
    transfer: encodeId(random.bytes(ID_BYTES)),
  });
}
