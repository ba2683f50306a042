// What can be made to go wrong, request by request.

export type Operation =
  | "create"
  | "part"
  | "copy-part"
  | "complete"
  | "abort"
  | "list-parts"
  | "list-uploads"
  | "list-objects"
  | "put"
  | "get"
  | "head"
  | "delete"
  | "delete-many"
  | "cors"
  | "lifecycle"
  | "bucket"
  | "preflight";

/**
 * `lose-request`: the connection breaks before anything has happened. `lose-answer`: it has happened, then the connection breaks. `error-200`: it has not
 * happened, and the answer is 200 with an error in its body. `stall`: nothing ever comes. `flip`: a bit of the body is turned over on its way in.
 * `refuse`: an answer of the store that says no. `happened-error`: it has happened, and the answer says that it failed inside.
 */
export type Fault =
  | {
      readonly kind:
        | "lose-request"
        | "lose-answer"
        | "error-200"
        | "happened-error"
        | "stall"
        | "flip";
    }
  | { readonly kind: "refuse"; readonly status: number; readonly code: string };

export interface FaultRule {
  readonly operation: Operation;
  readonly fault: Fault;
  /** So many requests of this kind go through first. */
  readonly after?: number;
  /** So many meet it then. */
  readonly times?: number;
}

export interface Faults {
  add(rule: FaultRule): void;
  clear(): void;
  /** The fault that this request meets, if any. */
  next(operation: Operation): Fault | undefined;
}

export function createFaults(): Faults {
  let rules: { rule: FaultRule; after: number; times: number }[] = [];
  return {
    add: (rule) => void rules.push({ rule, after: rule.after ?? 0, times: rule.times ?? 1 }),
    clear() {
      rules = [];
    },
    next(operation) {
      for (const entry of rules) {
        if (entry.rule.operation !== operation || entry.times === 0) continue;
        if (entry.after > 0) {
          entry.after--;
          continue;
        }
        entry.times--;
        return entry.rule.fault;
      }
      return undefined;
    },
  };
}
