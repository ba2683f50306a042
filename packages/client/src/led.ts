// Bytes of a file from the store that keeps them, where their server leads there: it takes no token along and believes nothing, and goes back to the server as soon as anything there is not as it should be.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { requireStored } from "./answer-check.ts";
import type { Clock, TransportResponse } from "./ports.ts";
import type { WireAnswer, WireRequest } from "./wire.ts";

/** Says to a server of ours that whoever asks checks every part, so that it may be led to bytes that pin no version by a tag of ours. */
const LED_HEADER = "holdfast-redirect";

type Use<T> = (answer: WireAnswer) => Promise<T>;

export interface LedParts {
  readonly clock: Pick<Clock, "monotonic">;
  /** Asks the server, which does not lead on. */
  readonly send: <T>(request: WireRequest, use: Use<T>) => Promise<T>;
  /** Asks the server, which may: gives what came of its answer, or where it leads. */
  readonly ask: <T>(
    request: WireRequest,
    use: Use<T>,
  ) => Promise<{ readonly value: T } | { readonly next: string }>;
  /** Asks whoever is at an address for these bytes. */
  readonly fetchAt: <T>(address: string, request: WireRequest, use: Use<T>) => Promise<T>;
}

/** Milliseconds for which an address is asked for more without asking the server again: it knows who may read, and what is damaged. */
const KNOWN_MS = 60_000;
/** Milliseconds for which all is asked of the server after the store was no good. */
const AVOIDED_MS = 60_000;

/** Sends for one transfer. Parts that are to be looked at where they are stored are always asked of the server. */
export function createLed({ clock, send, ask, fetchAt }: LedParts): LedParts["send"] {
  const known = new Map<string, { readonly address: string; readonly until: number }>();
  let avoidedUntil = Number.NEGATIVE_INFINITY;

  function addressFor({ url }: WireRequest): string | undefined {
    const found = known.get(url);
    return found && clock.monotonic() < found.until ? found.address : undefined;
  }

  function avoid({ url }: WireRequest): void {
    known.delete(url);
    avoidedUntil = clock.monotonic() + AVOIDED_MS;
  }

  /** Undefined where nothing of an answer was used: it can be asked for again elsewhere. */
  async function viaStore<T>(
    address: string,
    request: WireRequest,
    use: Use<T>,
  ): Promise<{ readonly value: T } | undefined> {
    let isUsed = false;
    try {
      const value = await fetchAt(address, request, (answer) => {
        isUsed = true;
        return use(answer);
      });
      return { value };
    } catch (error) {
      request.signal.throwIfAborted();
      avoid(request);
      if (!isUsed) return undefined;
      // It says nothing of our server, and is no reason to give up.
      if (toHoldfastError(error).code !== "not_holdfast") throw error;
      const message = "the store answered with something else than what was asked for";
      throw new HoldfastError("connection_failed", message, {}, error);
    }
  }

  return async (request, use) => {
    // An address is signed for reading: the store would refuse any other question there, and says nothing of versions.
    const isForStore =
      request.method === "GET" && request.headers?.["holdfast-verify"] === undefined;
    if (!isForStore || clock.monotonic() < avoidedUntil) return send(request, use);
    let address = addressFor(request);
    if (address === undefined) {
      const headers = { ...request.headers, [LED_HEADER]: "?1" };
      const came = await ask({ ...request, headers }, use).catch((error: unknown) => {
        // It leads where nobody goes, as from TLS to the clear.
        if (toHoldfastError(error).code !== "wrong_address") throw error;
        avoid(request);
        return undefined;
      });
      if (came && "value" in came) return came.value;
      address = came?.next;
      if (address === undefined) return send(request, use);
      known.set(request.url, { address, until: clock.monotonic() + KNOWN_MS });
    }
    const came = await viaStore(address, request, use);
    return came ? came.value : send(request, use);
  };
}

/** Whether an answer of ours leads on; nobody else's does. */
export function isLeading(answer: Pick<TransportResponse, "status" | "header">): boolean {
  return answer.status === 307 && answer.header("holdfast-version") !== undefined;
}

/** What goes to whoever is at an address that a server of ours has given: nothing that is meant for the server. */
export function bareOf({ headers = {} }: WireRequest): Readonly<Record<string, string>> {
  const range = headers["range"];
  return { ...(range === undefined ? {} : { range }), "accept-encoding": "identity" };
}

/** @throws HoldfastError `wrong_answer`, or as a store says no */
export async function requireRange(
  response: TransportResponse,
  answer: WireAnswer,
  clock: Clock,
): Promise<void> {
  if (response.status === 206) return;
  await requireStored(response, answer, clock);
  throw new HoldfastError("wrong_answer", "a range was asked for, and something else came");
}
