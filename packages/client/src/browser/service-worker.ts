// For a site's own service worker, which imports it. It keeps the files of uploads under way, so that a page that is loaded again need not ask for them, and leads
// whoever clicks on what an upload tells to the page.
import { type AboutFiles, createFileChannel, FILES } from "./file-channel.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { isAwake, pageOf } from "./service-worker-messages.ts";
import { openWire } from "./tab-channel.ts";

/** Browsers end a service worker half a minute after the last that it was told, and let it ask for five minutes. In milliseconds. */
const AWAKE_MS = 4 * 60_000;

/** As much of a service worker's scope as is used: its types and those of a page cannot be had together. */
interface Scope {
  readonly clients: {
    matchAll(filter: { type: "window"; includeUncontrolled: true }): Promise<readonly Window[]>;
    openWindow(url: string): Promise<unknown>;
  };
}
interface Window {
  readonly url: string;
  focus(): Promise<unknown>;
}
interface ExtendableEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Told extends ExtendableEvent {
  readonly data: unknown;
}
interface Clicked extends ExtendableEvent {
  readonly notification: Pick<Notification, "data" | "close">;
}

const files = createFileChannel({
  ...{ clock: browserClock, random: browserRandom, locks: navigator.locks },
  wire: openWire<AboutFiles>(FILES),
});
void files.keepAll();

/** Ends what the one before has asked for. */
let rest: () => void = () => undefined;

addEventListener("message", (event) => {
  if (!isTold(event) || !isAwake(event.data)) return;
  rest();
  const { promise, resolve } = Promise.withResolvers<void>();
  const callOff = browserClock.after(AWAKE_MS, resolve);
  rest = () => {
    callOff();
    resolve();
  };
  event.waitUntil(promise);
});

addEventListener("notificationclick", (event) => {
  if (!isClicked(event)) return;
  const { data } = event.notification;
  const url = pageOf(data);
  if (url === undefined) return;
  event.notification.close();
  event.waitUntil(show(url));
});

/** The page as it is open, or opened. */
async function show(url: string): Promise<void> {
  const scope = globalThis as unknown as Scope;
  const open = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = open.find((one) => one.url === url);
  await (page ? page.focus() : scope.clients.openWindow(url));
}

function isTold(event: Event): event is Told {
  return "waitUntil" in event && "data" in event;
}

function isClicked(event: Event): event is Clicked {
  return "waitUntil" in event && "notification" in event;
}
