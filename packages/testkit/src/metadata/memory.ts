// The metadata store in memory, with a durable state that a simulated crash can take at any moment.
import type { Change, MetadataStore } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { applyChange } from "./apply.ts";
import { countRecords, listDue, listFiles } from "./queries.ts";
import { emptyState, findByKey, type RecordState, requireParts, requireUpload } from "./state.ts";

/** The two moments of an `apply` that a test can stretch or spoil: just before the change becomes durable, and between that and the acknowledgement. */
export type ApplyPoint = "before-durable" | "before-acknowledged";

export interface MemoryMetadataOptions {
  /** What an earlier store left behind; copied. */
  readonly state?: RecordState;
  /**
   * Awaited at each point of each change. One that never settles is a change that the crash met there.
   *
   * A rejection with `storage_full` before the durable point undoes that change only. One with `storage_failed`, at either point, is an I/O error of the
   * commit: from then on every change rejects, as a store that must not guess does.
   */
  readonly onApply?: (point: ApplyPoint, change: Change) => Promise<void>;
  /** The store's clock, which claims go by. */
  readonly now?: () => number;
  /** Called once, at the first `storage_failed`. */
  readonly onFatal?: (error: HoldfastError) => void;
}

export interface MemoryMetadata extends MetadataStore {
  /** Changes that have been given to `apply` and are not durable yet, in the order in which they will be. */
  inFlight(): readonly Change[];
  /**
   * A copy of what a crash at this moment leaves: every durable change, and the first `extra` of those in flight. A store commits in the order of `apply`,
   * so what survives is always such a prefix.
   */
  snapshot(extra?: number): RecordState;
}

export function createMemoryMetadata(options: MemoryMetadataOptions = {}): MemoryMetadata {
  const { now = Date.now } = options;
  const state = options.state ? structuredClone(options.state) : emptyState();
  const waiting: Change[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let fatal: HoldfastError | undefined;
  let isClosed = false;

  /** Resolves with what the hook threw, so that nothing is unhandled while earlier changes are still on their way. */
  async function meet(point: ApplyPoint, change: Change): Promise<HoldfastError | undefined> {
    try {
      await options.onApply?.(point, change);
      return undefined;
    } catch (cause) {
      return fault(cause);
    }
  }

  function fault(cause: unknown): HoldfastError {
    const error = isHoldfastError(cause)
      ? cause
      : new HoldfastError("storage_failed", undefined, {}, cause);
    if (error.code === "storage_failed" && !fatal) {
      fatal = error;
      options.onFatal?.(error);
    }
    return error;
  }

  async function makeDurable(change: Change, ahead: Promise<unknown>): Promise<number | undefined> {
    const [met] = await Promise.all([meet("before-durable", change), ahead]);
    waiting.shift();
    if (met) throw met;
    if (fatal) throw failed(fatal);
    return applyChange(state, change, now());
  }

  async function settle(
    change: Change,
    durable: Promise<number | undefined>,
  ): Promise<number | undefined> {
    const version = await durable;
    const met = await meet("before-acknowledged", change);
    if (met) throw met;
    return version;
  }

  function requireReadable(): void {
    if (isClosed) throw new HoldfastError("shutting_down", "the metadata store is closed");
  }

  return {
    async apply(given) {
      requireReadable();
      if (fatal) throw failed(fatal);
      const change = structuredClone(given);
      waiting.push(change);
      const durable = makeDurable(change, last);
      last = durable.catch(() => undefined);
      return settle(change, durable);
    },
    async upload(by) {
      requireReadable();
      return typeof by === "string" ? state.uploads.get(by) : findByKey(state, by);
    },
    async parts(id) {
      requireReadable();
      const { version } = requireUpload(state, id);
      return { ...structuredClone(requireParts(state, id)), version };
    },
    async file(by) {
      requireReadable();
      if (typeof by === "string") return state.files.get(by);
      return [...state.files.values()].find(({ uploadId }) => uploadId === by.uploadId);
    },
    async files(query) {
      requireReadable();
      return listFiles(state, query);
    },
    async due(kind, query) {
      requireReadable();
      return listDue(state, kind, query);
    },
    async counts(of) {
      requireReadable();
      return countRecords(state, of);
    },
    async close() {
      isClosed = true;
      await last;
    },
    inFlight: () => [...waiting],
    snapshot(extra = 0) {
      const copy = structuredClone(state);
      for (const change of waiting.slice(0, extra)) survive(copy, change, now());
      return copy;
    },
  };
}

function failed(fatal: HoldfastError): HoldfastError {
  const message = "the metadata store stopped after an I/O error";
  return new HoldfastError("storage_failed", message, {}, fatal);
}

/** A change whose condition does not hold is refused, before the crash as after it. */
function survive(state: RecordState, change: Change, now: number): void {
  try {
    applyChange(state, structuredClone(change), now);
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
  }
}
