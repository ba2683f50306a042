// What the owner of an upload tells those who watch it: how it stands, then what happens, a few times a second.
import type { Clock } from "../ports.ts";
import type { SentEvent } from "./messages.ts";

/** So often at most, in milliseconds. */
const EVERY_MS = 250;
/** What of it says how an upload stands. */
const STANDING = ["created", "progress", "state"] as const;
const OVER: ReadonlySet<unknown> = new Set(["complete", "failed", "aborted"]);

export interface Telling {
  note(event: SentEvent): void;
  /** There is somebody to tell from now on. */
  begin(): void;
  /** How it stands. */
  standing(): readonly SentEvent[];
}

export function createTelling(
  clock: Pick<Clock, "after">,
  send: (events: readonly SentEvent[]) => void,
): Telling {
  const latest = new Map<SentEvent["name"], SentEvent>();
  let isWatched = false;
  let waiting: SentEvent[] = [];
  let callOff: (() => void) | undefined;

  function flush(): void {
    callOff?.();
    callOff = undefined;
    send(waiting);
    waiting = [];
  }

  return {
    note(event) {
      latest.set(event.name, event);
      if (!isWatched) return;
      // An older one is of no use to anybody.
      if (event.name === "progress") waiting = waiting.filter(({ name }) => name !== "progress");
      waiting.push(event);
      // The end is told before anybody can take over.
      if (event.name === "state" && OVER.has(event.value)) flush();
      else callOff ??= clock.after(EVERY_MS, flush);
    },
    begin() {
      isWatched = true;
    },
    standing: () =>
      STANDING.flatMap((name) => {
        const event = latest.get(name);
        return event ? [event] : [];
      }),
  };
}
