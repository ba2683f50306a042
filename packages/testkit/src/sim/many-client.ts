// A client of several servers, as a load balancer shows it one: what does not answer, or says later, is asked again, and somebody else answers.
import type { Engine } from "@holdfast/engine";
import { errorRow, isHoldfastError } from "@holdfast/protocol";
import { createBody, type ScriptedBody } from "../body.ts";
import type { ManyWorld } from "./many-world.ts";

/** Milliseconds after which nobody waits for an answer any more, and between two attempts. */
const TIMEOUT_MS = 5000;
const PAUSE_MS = 500;
const ATTEMPTS_MAX = 60;

export interface ManyClient {
  /**
   * Asks one server after another, `first` before the others, until there is an answer; one that is late counts as told, too.
   * @throws what the answer said that no repetition changes.
   */
  ask<T>(
    first: number,
    request: (engine: Engine) => Promise<T>,
    told?: (answer: T) => void,
  ): Promise<T>;
  /** The same with bytes: who does not wait any longer closes the connection. */
  send<T>(
    first: number,
    bytes: Uint8Array,
    request: (engine: Engine, body: ScriptedBody) => Promise<T>,
    told?: (answer: T) => void,
  ): Promise<T>;
}

class TimeoutError extends Error {}

export function createManyClient({ servers, clock }: ManyWorld): ManyClient {
  async function within<T>(answer: Promise<T>): Promise<T> {
    let callOff: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      callOff = clock.after(TIMEOUT_MS, () => reject(new TimeoutError("nobody answers")));
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      callOff();
    }
  }

  async function send<T>(
    first: number,
    bytes: Uint8Array,
    request: (engine: Engine, body: ScriptedBody) => Promise<T>,
    told: (answer: T) => void = () => undefined,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const server = servers[(first + attempt) % servers.length];
      if (!server) throw new Error("there are no servers");
      const body = createBody(bytes);
      const answer = request(server.engine, body);
      answer.then(told, () => undefined);
      try {
        return await within(answer);
      } catch (error) {
        body.end();
        if (attempt >= ATTEMPTS_MAX) throw new Error("nobody ever answers", { cause: error });
        if (!mayChange(error)) throw error;
        await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
      }
    }
  }

  return { send, ask: (first, request, told) => send(first, new Uint8Array(), request, told) };
}

/** What asking once more may change. Errors of the program are none of these. */
function mayChange(error: unknown): boolean {
  if (error instanceof TimeoutError) return true;
  if (!isHoldfastError(error)) return false;
  const { retry } = errorRow(error.code);
  return error.code !== "internal" && (retry === "later" || retry === "now");
}
