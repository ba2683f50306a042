// Says in time that an upload at which nothing happens will be removed by its server.
import { UPLOAD_LIFE_MS } from "@holdfast/protocol";
import type { Transfer } from "../events.ts";
import type { Clock } from "../ports.ts";

/** So long before, in milliseconds. */
const AHEAD_MS: number = 60 * 60 * 1000;

/** `warn` is called once after each commit that nothing follows; the returned function ends that. */
export function watchExpiry(
  clock: Pick<Clock, "after">,
  { on }: Pick<Transfer, "on">,
  warn: (detail: string) => void,
): () => void {
  let callOff: (() => void) | undefined;
  const begin = () => {
    callOff?.();
    callOff = clock.after(UPLOAD_LIFE_MS - AHEAD_MS, () =>
      warn("nothing was committed for 23 hours: in an hour the server removes the upload"),
    );
  };
  on("created", begin);
  on("part", begin);
  return () => callOff?.();
}
