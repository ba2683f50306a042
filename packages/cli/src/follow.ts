// What is to be shown of one transfer, kept up to date by its events.
import type { Transfer, TransferEvents } from "@holdfast/client";
import { type ErrorCode, errorRow } from "@holdfast/protocol";
import { formatDuration } from "./durations.ts";
import type { View } from "./progress.ts";

/** What is shown while bytes do not move. */
const STANDING: Readonly<Record<string, string>> = {
  opening: "looking at the file",
  creating: "asking the server",
  checking: "asking the server",
  completing: "completing",
  paused: "paused",
};

/** Why it waits, where the error's title would say less. */
const WAITING: Readonly<Partial<Record<ErrorCode, string>>> = {
  connection_failed: "waiting for the server (probe every second)",
  storage_full: "waiting for room on the server",
  not_holdfast: "waiting: something else than Holdfast answers",
  shutting_down: "waiting for the server to come back",
  stalled: "stalled, retrying",
};

/** So long without a byte is shown; the transfer itself waits longer before it tries anew. In milliseconds. */
const SILENCE_MS = 10_000;

function waiting(code: ErrorCode): string {
  return WAITING[code] ?? `waiting: ${errorRow(code).title.toLowerCase()}`;
}

export interface Followed {
  /** Undefined until the transfer knows what it is about. */
  view(): View | undefined;
  /** Nothing had to be asked for or sent: it was complete before. */
  isSkipped(): boolean;
}

export interface Listeners {
  created?(event: TransferEvents["created"]): void;
  progress?(event: TransferEvents["progress"]): void;
  retry?(event: TransferEvents["retry"]): void;
  notice?(event: TransferEvents["notice"]): void;
  /** It waits, waits for something else, or goes on again. */
  news?(): void;
}

const WORK: ReadonlySet<string> = new Set(["creating", "sending", "receiving", "completing"]);

/** `now` in milliseconds, monotonic. */
export function follow(transfer: Transfer, now: () => number, listeners: Listeners): Followed {
  let figures = { committed: 0, sent: 0, size: undefined as number | undefined, rate: 0 };
  let left: number | undefined;
  let standing: string | undefined;
  let isKnown = false;
  let isMoving = false;
  let isSkipped = true;
  let movedAt = now();
  // Between two tries it asks and completes in vain: that is still the same trouble.
  let isTrouble = false;

  const turn = (trouble: boolean, next: string | undefined): void => {
    const isNews = isTrouble !== trouble || (trouble && standing !== next);
    isTrouble = trouble;
    standing = next;
    if (isNews && isKnown) listeners.news?.();
  };

  transfer.on("created", (event) => {
    isKnown = true;
    figures = { ...figures, size: event.size };
    listeners.created?.(event);
  });
  transfer.on("progress", (event) => {
    const { committed, sent, size, rate, eta } = event;
    isKnown = true;
    if (committed !== figures.committed || sent !== figures.sent) movedAt = now();
    figures = { committed, sent, size, rate };
    left = eta;
    listeners.progress?.(event);
  });
  transfer.on("state", (state) => {
    isMoving = state === "sending" || state === "receiving";
    if (WORK.has(state)) isSkipped = false;
    if (isMoving) {
      movedAt = now();
      turn(false, undefined);
    } else if (!isTrouble) turn(false, STANDING[state]);
  });
  transfer.on("retry", (event) => {
    listeners.retry?.(event);
    turn(true, waiting(event.code));
  });
  transfer.on("notice", (event) => listeners.notice?.(event));

  return {
    isSkipped: () => isSkipped,
    view() {
      if (!isKnown) return undefined;
      const silentMs = now() - movedAt;
      // Where nothing is on the way, it is our own limit or another file's turn that is waited for.
      const isSilent = isMoving && figures.sent > 0 && silentMs >= SILENCE_MS;
      const shown = isSilent ? `no byte for ${formatDuration(silentMs)}` : standing;
      return { ...figures, left, standing: shown, isTrouble };
    },
  };
}
