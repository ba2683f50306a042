// For tests: what a codec says to something it does not take.
import { isHoldfastError } from "../../src/index.ts";

export interface Refusal {
  readonly code: string;
  readonly field: unknown;
}

/** The code and field of the HoldfastError that `act` throws; undefined where it throws none. Anything else it throws goes on: no codec may. */
export function refusalOf(act: () => unknown): Refusal | undefined {
  try {
    act();
  } catch (error) {
    if (isHoldfastError(error)) return { code: error.code, field: error.details["field"] };
    throw error;
  }
  return undefined;
}
