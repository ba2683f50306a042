// One question to a server, beside all transfers: asked again until there is an answer.
import type { TransferOptions } from "./options.ts";
import { wireOf } from "./options.ts";
import { persist } from "./persist.ts";
import type { Ports } from "./ports.ts";
import type { Trouble } from "./state.ts";
import type { WireAnswer, WireRequest } from "./wire.ts";

/** What every question may be told. */
export interface AskOptions extends Pick<TransferOptions, "token" | "giveUpMs" | "stallMs"> {
  readonly signal?: AbortSignal;
  readonly onTrouble?: (trouble: Trouble) => void;
}

export type AskPorts = Pick<Ports, "transport" | "clock" | "random" | "share">;

/** Resolves with what `use` makes of the first answer that is 2xx. The request must be one that may be repeated. @throws HoldfastError */
export async function ask<T>(
  request: Pick<WireRequest, "method" | "url" | "headers" | "body">,
  use: (answer: WireAnswer) => Promise<T>,
  options: AskOptions,
  ports: AskPorts,
): Promise<T> {
  const { giveUpMs, onTrouble = () => undefined } = options;
  const { clock, random } = ports;
  const signal = options.signal ?? new AbortController().signal;
  const wire = wireOf(ports, options);
  const startedAt = clock.monotonic();
  const limits = giveUpMs === undefined ? {} : { giveUpMs };
  return persist(
    { clock, random, signal, onTrouble, progressAt: () => startedAt, ...limits },
    (attempt) => wire.send({ ...request, attempt, signal }, use),
  );
}
