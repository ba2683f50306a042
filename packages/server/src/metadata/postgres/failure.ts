// What an error of PostgreSQL or of the way to it means: for the change, for the group, for the connection.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";

/**
 * `again`: the server has undone the transaction and it may be tried again. `lost`: nobody answers any more, or not in a way that is of use, and
 * another session may; what was under way may have happened. `taken`: undone, and somebody else's row is where one of its was to be. `group`: undone, and the same would happen again. `data`: as `group`, by the fault of one of its changes.
 */
export type Reach = "again" | "lost" | "taken" | "group" | "data";

export interface Failure {
  readonly reach: Reach;
  readonly error: HoldfastError;
}

/** Serialization, deadlock, a lock or a statement that took too long. */
const AGAIN = new Set(["40001", "40P01", "55P03", "57014"]);
/**
 * Shut down by an administrator, crashed, starting up, ended for idling, or a standby after a failover; or what the session has prepared is no use any more,
 * because a newer server has changed a table under it.
 */
const LOST = new Set([
  ...["57P01", "57P02", "57P03", "57P05", "25P03", "25006", "53300"],
  ...["0A000", "26000"],
]);
const TAKEN = "23505";
const DISK_FULL = "53100";

export function failureOf(cause: unknown): Failure {
  const state = stateOf(cause);
  if (isHoldfastError(cause)) return { reach: "group", error: cause };
  if (state === undefined || state.startsWith("08") || LOST.has(state)) {
    return describe("lost", cause);
  }
  if (AGAIN.has(state)) return describe("again", cause);
  if (state === DISK_FULL) {
    const error = new HoldfastError("storage_full", "there is no room for the record", {}, cause);
    return { reach: "group", error };
  }
  if (state === TAKEN) return { reach: "taken", error: damaged(cause) };
  if (/^2[23]/.test(state)) {
    return { reach: "data", error: damaged(cause) };
  }
  return describe("group", cause);
}

/** No change should lead there: a mistake of the program. */
function damaged(cause: unknown): HoldfastError {
  return new HoldfastError("internal", undefined, {}, cause);
}

function describe(reach: Reach, cause: unknown): Failure {
  const why = cause instanceof Error ? cause.message : "unknown error";
  const message = `the records in PostgreSQL cannot be used: ${why}`;
  return { reach, error: new HoldfastError("storage_failed", message, {}, cause) };
}

/** SQLSTATE, where the server itself has answered. */
export function stateOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !("code" in cause) || !("severity" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}
