// Keeps the site's service worker awake while this page has uploads: what it has in memory, their files, goes with it.
import type { Clock } from "../ports.ts";
import { awake } from "./service-worker-messages.ts";

/** So often, in milliseconds: without a word it is ended after 30 seconds. Pages that nobody looks at have slower clocks, which it allows for. */
const EVERY_MS = 20_000;

export interface KeepAwake {
  /** So many uploads are under way. */
  note(count: number): void;
}

export function keepAwake(
  clock: Pick<Clock, "after">,
  registered: Promise<Pick<ServiceWorkerRegistration, "active"> | undefined>,
): KeepAwake {
  let isNeeded = false;
  let isSaying = false;

  async function say(): Promise<void> {
    isSaying = isNeeded;
    if (!isNeeded) return;
    const registration = await registered;
    if (!registration) return;
    registration.active?.postMessage(awake);
    clock.after(EVERY_MS, () => void say());
  }

  return {
    note(count) {
      isNeeded = count > 0;
      if (isNeeded && !isSaying) void say();
    },
  };
}
