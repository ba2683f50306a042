// What a transfer can be in, what can happen to it, what it can ask for: the types of the reducer.
import type { ErrorCode, Grid, HoldfastError, PartRange, PartSet } from "@holdfast/protocol";
import type { Known, Line } from "./line.ts";
import type { Connection } from "./ports.ts";
import type { Flight } from "./schedule.ts";

/** What a transfer ends with. Sizes in bytes. */
export interface Result {
  /** The file's id. */
  readonly id: string;
  /** Absolute address of the file: what a download takes. */
  readonly url: string;
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly root: string;
  /** Body bytes that crossed the network in this process, repeated ones included. */
  readonly bytesSent: number;
  /** Committed bytes of the whole file, by this process and earlier ones: at the end all of them, as in the last `progress`. */
  readonly bytesCommitted: number;
  readonly seconds: number;
  /** Bytes that were there already when this process began. */
  readonly resumedBytes: number;
}

/** What is published, before the driver adds the figures. */
export interface Finished {
  readonly id: string;
  readonly url: string;
  readonly size: number;
  readonly root: string;
}

/** What asking the server (for a download: looking at the sink) brought. */
export type Answer =
  /** Takes parts. Its list of committed parts always wins. */
  | {
      readonly kind: "open";
      readonly grid: Grid;
      readonly committed: PartSet;
      readonly runPartsMax: number;
      /** Contiguous bytes that are durable, a part that appends have not filled yet included; undefined where nothing can be appended. */
      readonly offset: number | undefined;
      /** What is known of the line that parts go over, where that turns out only now. */
      readonly known?: Known;
    }
  /** Is being completed: ask again. */
  | { readonly kind: "completing" }
  /** `stored`: the request that was answered has brought all parts of this grid. */
  | { readonly kind: "complete"; readonly file: Finished; readonly stored?: Grid }
  /** Cannot be gone on with: the source is another one now. */
  | { readonly kind: "unusable" };

/** What had arrived of an upload that is being sent. */
export interface Had {
  readonly committed: PartSet;
  /** Contiguous bytes that are durable, as in `Answer`. */
  readonly offset: number | undefined;
}

export interface Settings {
  /** Runs in flight at most. */
  readonly inFlight: number;
  /** Gives up after this long without a part committed; never where undefined. */
  readonly giveUpMs?: number;
  /** The other side can be asked what came of runs while they are on their way. */
  readonly canAsk?: boolean;
  /** How long a run should take, in milliseconds, where that is not as usual. */
  readonly runMs?: number;
  /** What came of a run before its connection broke is kept. */
  readonly keepsCut?: true;
}

/** A grid being filled. */
export interface Plan {
  readonly grid: Grid;
  readonly committed: PartSet;
  readonly flights: readonly Flight[];
  /** Runs that need the line no more: their bytes are in a store, and the server is to look for them there. */
  readonly placed: readonly Flight[];
  readonly line: Line;
  /** Parts of a run at most, by the way that they go. */
  readonly runPartsMax: number;
  /** Where an append would go on, as last told; undefined where nothing can be appended. */
  readonly offset: number | undefined;
  /** Bytes that were there before this process sent any. */
  readonly resumedBytes: number;
  /**
   * Parts of runs that broke, of which only the status tells what became. While one connection's end is looked into, the others go on with the rest;
   * where more than that went wrong, nothing is sent before the status is known.
   */
  readonly doubtful: readonly PartRange[] | "all";
  /** How many last runs were ended because they were late. */
  readonly resent: number;
  /** The server has once shown part of a run that was on its way: no proxy keeps bodies back until they are whole. */
  readonly showsRuns: boolean;
  /** How many runs were ended because nothing of them arrived any more. */
  readonly dead: number;
  /** How often each bad part was bad. */
  readonly bad: ReadonlyMap<number, number>;
}

export interface Trouble {
  readonly code: ErrorCode;
  /** Troubles since the last progress, from 1. */
  readonly attempt: number;
  readonly waitMs: number;
  readonly detail: string;
}

/** Work that has one answer. */
export type Step = "open" | "create" | "check" | "complete";

/** What every transfer that has not ended carries. */
/** Bodies in a row that broke, without a byte of any of them being committed. */
export interface Breaks {
  readonly times: number;
  /** Of the last one. */
  readonly parts: number;
}

export interface Live {
  readonly settings: Settings;
  /** Ids of steps, runs and timers count up; an answer to an id that is not expected any more changes nothing. */
  readonly lastId: number;
  /** Undefined until the grid is known. */
  readonly plan: Plan | undefined;
  readonly isOpened: boolean;
  /** Went on from a checkpoint: if the upload is gone, a new one is begun instead of failing. */
  readonly isResumed: boolean;
  readonly attempt: number;
  readonly breaks: Breaks;
  /** Milliseconds, monotonic. */
  readonly progressAt: number;
  /** The timer that says when to look at runs that take long, and when it is due. */
  readonly look: { readonly timer: number; readonly at: number } | undefined;
  /** The question under way of what came of the runs; when the last one was answered, or failed, and how many milliseconds it took. */
  readonly ask: { readonly id: number; readonly at: number } | undefined;
  readonly lastAsk: { readonly at: number; readonly ms: number } | undefined;
  /** What was known of the line when the transfer began. */
  readonly known: Known | undefined;
  /** Bytes of a part at most, where somebody on the way took no larger one. */
  readonly partSizeMax: number | undefined;
}

/** A step that is under way. */
export interface Pending {
  readonly id: number;
  readonly step: Step;
  /** Runs that committed since a status was asked for: its answer may be older than they are. */
  readonly fresh: readonly PartRange[];
  /** A run failed since a status was asked for: its answer may not know what became of it. */
  readonly isDoubtful: boolean;
}

export type TransferState =
  | ({ readonly phase: "opening" | "creating" | "checking" | "completing" } & {
      readonly live: Live;
      readonly pending: Pending;
    })
  | { readonly phase: "sending"; readonly live: Live }
  | {
      readonly phase: "waiting";
      readonly live: Live;
      readonly timer: number;
      readonly next: "create" | "check";
      /** Who says how long: the server, or whoever asks it; ourselves, which a hint cuts short. */
      readonly until: "told" | "tried";
    }
  | { readonly phase: "paused"; readonly live: Live; readonly pending: Pending | undefined }
  /** Nothing more is sent; the upload is being removed from the server. */
  | { readonly phase: "ending"; readonly error: HoldfastError }
  | { readonly phase: "complete"; readonly file: Finished }
  | { readonly phase: "failed"; readonly error: HoldfastError }
  | { readonly phase: "aborted"; readonly error: HoldfastError };

export type Phase = TransferState["phase"];

/** When something happened, in milliseconds (monotonic), and a random number from 0 to 1 for what it leads to: the reducer has neither clock nor dice. */
export interface Stamp {
  readonly at: number;
  readonly chance: number;
}

export type TransferEvent = Stamp &
  (
    | {
        readonly type: "opened";
        readonly id: number;
        readonly isResumed: boolean;
        readonly known?: Known;
      }
    | { readonly type: "answered"; readonly id: number; readonly answer: Answer }
    | { readonly type: "stepFailed"; readonly id: number; readonly error: HoldfastError }
    /** It is its turn: what it waited before says nothing of the line. */
    | { readonly type: "runBegins"; readonly run: number }
    | { readonly type: "runConnected"; readonly run: number; readonly connection: Connection }
    /** What the server had when it was asked, or undefined where it did not say. */
    | { readonly type: "asked"; readonly id: number; readonly had: Had | undefined }
    | {
        readonly type: "runMoves";
        readonly run: number;
        /** Bytes a second, while it is on its way. */
        readonly pace: number;
      }
    | {
        readonly type: "runPlaced";
        readonly run: number;
        /** How long it took, as in `runDone`; undefined where the bytes were there already. */
        readonly ms: number | undefined;
      }
    | {
        readonly type: "runDone";
        readonly run: number;
        /** How long it took, in milliseconds, without what it waited for its turn. */
        readonly ms: number;
      }
    | {
        readonly type: "runFailed";
        readonly run: number;
        readonly error: HoldfastError;
        /** Bytes of its body went over the network. */
        readonly hasMoved: boolean;
      }
    /** It was stopped because of a `stop`. */
    | { readonly type: "runStopped"; readonly run: number }
    | { readonly type: "timer"; readonly timer: number }
    | { readonly type: "ended" }
    | { readonly type: "pause" | "resume" | "abort" }
    /** Something hints at the server being within reach again. */
    | { readonly type: "hinted" }
  );

export type Effect =
  | {
      readonly type: "step";
      readonly step: Step;
      readonly id: number;
      readonly attempt: number;
      readonly partSizeMax?: number;
    }
  | {
      readonly type: "move";
      readonly run: number;
      readonly range: PartRange;
      /** Where the run is sent as an append, this is where: in its first part. */
      readonly from?: number;
      readonly attempt: number;
    }
  | { readonly type: "wait"; readonly timer: number; readonly ms: number }
  /** Asks what came of the runs, whatever else is under way: then `asked`. */
  | { readonly type: "ask"; readonly id: number }
  | { readonly type: "remember"; readonly known: Known }
  | { readonly type: "report"; readonly trouble: Trouble }
  | { readonly type: "notice"; readonly code: ErrorCode; readonly detail: string }
  /** Aborts what is in flight: the runs, the steps too, or one run. */
  | { readonly type: "stop"; readonly what: "runs" | "all" | { readonly run: number } }
  /** Removes the upload (or the sink's working file) and the checkpoint once nothing is in flight; then `ended`. */
  | { readonly type: "discard" };

export interface Next {
  readonly state: TransferState;
  readonly effects: readonly Effect[];
}
