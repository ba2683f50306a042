// A transfer as a page has it: what it is told to do goes to the engine, what happens comes from there.
import type { HoldfastError } from "@holdfast/protocol";
import type { Transfer as CoreTransfer, PublicState, TransferEvents } from "../events.ts";
import type { Brought, SentEvent, Where } from "./messages.ts";

/** `warning`: something that does not stop the transfer, but that a person should know. */
export interface PageEvents extends Omit<TransferEvents, "notice"> {
  warning: TransferEvents["notice"];
  /** Another tab does the work, and this one shows it; the browser does, in the background; or this tab does it again. */
  where: Where | "background";
}

export interface Transfer extends Omit<CoreTransfer, "on"> {
  /** The returned function takes the listener off. */
  on<Name extends keyof PageEvents>(
    event: Name,
    listener: (value: PageEvents[Name]) => void,
  ): () => void;
}

export interface PageTransfer {
  readonly transfer: Transfer;
  /** What it ends with. */
  readonly done: Promise<Brought>;
  accept(event: SentEvent): void;
  move(where: PageEvents["where"]): void;
  /** It would stop if this tab went. */
  isRunning(): boolean;
  complete(result: Brought): void;
  fail(state: PublicState, error: HoldfastError): void;
}

type Listeners = { [Name in keyof PageEvents]: Set<(value: PageEvents[Name]) => void> };

export function createPageTransfer(
  command: (type: "pause" | "resume" | "abort") => void,
): PageTransfer {
  const listeners: Listeners = {
    created: new Set(),
    progress: new Set(),
    part: new Set(),
    state: new Set(),
    retry: new Set(),
    warning: new Set(),
    where: new Set(),
    error: new Set(),
  };
  const { promise: done, resolve, reject } = Promise.withResolvers<Brought>();
  // Who listens to events only must not meet an unhandled rejection.
  done.catch(() => "told by the error event");
  let state: PublicState = "opening";
  let where: PageEvents["where"] = "here";

  function emit<Name extends keyof PageEvents>(event: Name, value: PageEvents[Name]): void {
    for (const listener of [...listeners[event]]) {
      try {
        listener(value);
      } catch (error) {
        // A listener's mistake is its own: it must surface, but the others hear of the event all the same.
        reportError(error);
      }
    }
  }

  function accept(event: SentEvent): void {
    switch (event.name) {
      case "created":
        emit("created", event.value);
        break;
      case "progress":
        emit("progress", event.value);
        break;
      case "part":
        emit("part", event.value);
        break;
      case "state":
        state = event.value;
        emit("state", event.value);
        break;
      case "retry":
        emit("retry", event.value);
        break;
      case "notice":
        emit("warning", event.value);
    }
  }

  return {
    accept,
    done,
    move(next) {
      if (next === where) return;
      where = next;
      emit("where", next);
    },
    isRunning: () => where === "here" && state !== "paused",
    complete: resolve,
    fail(last, error) {
      if (state !== last) accept({ name: "state", value: last });
      if (last === "failed") emit("error", error);
      reject(error);
    },
    transfer: {
      // The server knows what has arrived of an upload: there is nothing to wait for.
      pause: async () => command("pause"),
      resume: () => command("resume"),
      abort: () => command("abort"),
      on(event, listener) {
        const own = listeners[event];
        own.add(listener);
        return () => own.delete(listener);
      },
      done,
      get state() {
        return state;
      },
    },
  };
}
