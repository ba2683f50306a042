// What a transfer does when the reducer asks for it; an upload and a download are two sets of these.
import type { PartRange } from "@holdfast/protocol";
import type { Known } from "./line.ts";
import type { Connection } from "./ports.ts";
import type { Answer, Had } from "./state.ts";

/** How one piece of work is carried out. */
export interface Call {
  /** From 1; goes up with each trouble since the last progress. */
  readonly attempt: number;
  /** The work rejects soon after it fires. */
  readonly signal: AbortSignal;
  /** Told when it is its turn: what it waited before says nothing of the line. With `at`, its first bytes were asked for then (milliseconds, monotonic). */
  readonly onBegin: (at?: number) => void;
  /** Told what carries it, where that can be known. */
  readonly onConnected: (connection: Connection) => void;
  /** Tells of more body bytes on the network, either way. */
  readonly onMoved: (bytes: number) => void;
  /** Told when all of a run is where it belongs, though not committed yet: the line is free for others. */
  readonly onPlaced: () => void;
}

/** Each of these rejects with a HoldfastError, and may be called again afterwards. */
export interface Work {
  /** Opens what is local, once, and tells whether there is something to go on with. */
  open(call: Call): Promise<{ readonly isResumed: boolean; readonly known?: Known }>;
  /** Begins anew on the server, with parts of at most `partSizeMax` bytes where that is given. */
  create(call: Call & { readonly partSizeMax?: number }): Promise<Answer>;
  /** Keeps what the line has taught for the next transfer. Never rejects: it is only a hint. */
  remember(known: Known): Promise<void>;
  /** Asks what is committed. */
  check(call: Call): Promise<Answer>;
  /** Asks what came of the runs that are on their way, without ending any. Undefined where that cannot be told. */
  ask(call: Call): Promise<Had | undefined>;
  /**
   * Moves the bytes of one run; resolves when all its parts are committed. Several at once. With `from`, an offset in its first part, the bytes from there on
   * are appended, alone: then what came counts byte by byte.
   */
  move(range: PartRange, call: Call & { readonly from?: number }): Promise<void>;
  /** Publishes the file: resolves with `complete`, or with `completing` where the server needs time. */
  complete(call: Call): Promise<Answer>;
  /** It is paused: keeps what there is to go on with. `moved` resolves when no run moves any more. Never rejects. */
  rest(moved: Promise<unknown>): Promise<void>;
  /** Removes what there is of the transfer, as far as that can be done now. */
  discard(call: Call): Promise<void>;
  /** Releases what `open` took. Called last, when nothing else runs. */
  close(): Promise<void>;
}
