// Says in time that an upload at which nothing happens will be removed by its server.
import { UPLOAD_LIFE_MS } from "@holdfast/protocol";
import type { Transfer } from "../events.ts";
import type { Clock } from "../ports.ts";

/** So long before, in milliseconds. */
const AHEAD_MS: number = 60 * 60 * 1000;

/**
 * `warn` is called once after each commit that nothing follows; the returned function ends that. When an upload that was found or made will be removed, its server
 * has said; each commit gives it a whole life again.
 */
export function watchExpiry(
  clock: Pick<Clock, "after">,
  { on }: Pick<Transfer, "on">,
  warn: (detail: string) => void,
): () => void {
  let callOff: (() => void) | undefined;
  const begin = (leftMs: number) => {
    callOff?.();
    const minutes = Math.round(Math.min(leftMs, AHEAD_MS) / 60_000);
    callOff = clock.after(Math.max(0, leftMs - AHEAD_MS), () =>
      warn(
        `nothing was committed for long: in ${minutes} minutes the server removes the upload, unless it goes on`,
      ),
    );
  };
  on("created", ({ expiresInMs = UPLOAD_LIFE_MS }) => begin(expiresInMs));
  on("part", () => begin(UPLOAD_LIFE_MS));
  return () => callOff?.();
}
