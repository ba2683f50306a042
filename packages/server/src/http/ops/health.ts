// How the server is doing, asked with little patience: whoever looks wants an answer while records that are away are waited for.
import type { Health } from "@holdfast/engine";
import type { Front } from "../front.ts";

const WITHIN_MS = 2000;

/** Undefined where the storage or the records fail, or do not answer in time; the log says which. */
export async function lookAfterHealth({
  engine,
  look,
  clock,
  log,
}: Pick<Front, "engine" | "look" | "clock" | "log">): Promise<Health | undefined> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const callOff = clock.after(WITHIN_MS, () => reject(new Error(`no answer in ${WITHIN_MS} ms`)));
  try {
    const [health] = await Promise.race([Promise.all([engine.health(), look()]), over]);
    return health;
  } catch (error) {
    log("error", "health is unknown", { error });
    return undefined;
  } finally {
    callOff();
  }
}
