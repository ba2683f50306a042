// What a transfer tells while it runs, and who listens.
import type { ErrorCode, HoldfastError } from "@holdfast/protocol";
import type { Result, Trouble } from "./state.ts";

export interface Progress {
  /** Bytes that the server (for a download: the sink) has for sure. Never above `size`; goes back only if stored bytes proved bad. */
  readonly committed: number;
  /** Bytes given to the network that are not committed yet. */
  readonly sent: number;
  /** Undefined while it is not known: of a stream, before its end. */
  readonly size: number | undefined;
  /** Committed bytes a second, a moving average. */
  readonly rate: number;
  /** Seconds that are left at this rate; undefined where it is not known. */
  readonly eta: number | undefined;
}

/** `receiving` is a download's `sending`. */
export type PublicState =
  | "opening"
  | "creating"
  | "checking"
  | "sending"
  | "receiving"
  | "waiting"
  | "paused"
  | "completing"
  | "ending"
  | "complete"
  | "failed"
  | "aborted";

export interface TransferEvents {
  /** The upload exists on the server (or was found there again), the file of a download is known. */
  created: {
    readonly id: string;
    readonly url: string;
    /** Undefined of a stream. */
    readonly size: number | undefined;
    readonly isResumed: boolean;
    /** Of a download: what its server calls the file. */
    readonly name?: string;
    /** Of an upload: unless more is committed, its server removes it then. Milliseconds from now. */
    readonly expiresInMs?: number;
  };
  progress: Progress;
  part: { readonly index: number };
  state: PublicState;
  retry: Trouble;
  /** Something that does not stop the transfer, but that a person should know. */
  notice: { readonly code: ErrorCode; readonly detail: string };
  error: HoldfastError;
}

export interface Transfer {
  /**
   * Stops sending: at once, but for runs that need no more than two seconds to end. Whole parts that arrived are kept. Resumable, in this process or another: what that needs is
   * kept when it resolves, which it does within a few seconds. Never rejects.
   */
  pause(): Promise<void>;
  resume(): void;
  /** Ends the transfer and removes what there is of it. `done` rejects with `aborted`. */
  abort(): void;
  /** The returned function takes the listener off. */
  on<Name extends keyof TransferEvents>(
    event: Name,
    listener: (value: TransferEvents[Name]) => void,
  ): () => void;
  /** Settles when nothing of the transfer runs any more. @throws HoldfastError */
  readonly done: Promise<Result>;
  readonly state: PublicState;
}

/** A transfer as whoever watches the machine has it. */
export interface WatchedTransfer extends Transfer {
  /** Something hints at the server being within reach again: where the transfer waits to try, it tries at once. Nothing is taken for granted. */
  hint(): void;
}

type Listeners = {
  [Name in keyof TransferEvents]: Set<(value: TransferEvents[Name]) => void>;
};

export interface Emitter {
  readonly on: Transfer["on"];
  emit<Name extends keyof TransferEvents>(event: Name, value: TransferEvents[Name]): void;
}

export function createEmitter(): Emitter {
  const listeners: Listeners = {
    created: new Set(),
    progress: new Set(),
    part: new Set(),
    state: new Set(),
    retry: new Set(),
    notice: new Set(),
    error: new Set(),
  };
  return {
    on(event, listener) {
      const own = listeners[event];
      own.add(listener);
      return () => own.delete(listener);
    },
    emit(event, value) {
      for (const listener of [...listeners[event]]) {
        try {
          listener(value);
        } catch (error) {
          // A listener's mistake is its own: it must surface, but not inside the transfer.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
