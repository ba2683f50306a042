// For a site's own service worker, which imports it. It keeps the files of uploads under way, so that a page that is loaded again need not ask for them, leads
// whoever clicks on what an upload tells to the page, and tells pages, or a person, when the browser is done with what it was handed.
import { type AboutFiles, createFileChannel, FILES } from "./file-channel.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { type Ended, isAwake, type NoticeData, OURS, pageOf } from "./service-worker-messages.ts";
import { openWire } from "./tab-channel.ts";

/** Browsers end a service worker half a minute after the last that it was told, and let it ask for five minutes. In milliseconds. */
const AWAKE_MS = 4 * 60_000;

/** As much of a service worker's scope as is used: its types and those of a page cannot be had together. */
interface Scope {
  readonly clients: {
    matchAll(filter: { type: "window"; includeUncontrolled: true }): Promise<readonly Window[]>;
    openWindow(url: string): Promise<unknown>;
  };
  readonly registration: Pick<ServiceWorkerRegistration, "scope" | "showNotification">;
}
interface Window {
  readonly url: string;
  postMessage(message: Ended): void;
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

interface Fetched extends ExtendableEvent {
  readonly registration: { readonly id: string };
  /** What the browser shows of it. */
  updateUI(shown: { readonly title: string }): Promise<unknown>;
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

/** What is said in the end; only a page can complete an upload, since nothing else has a token. */
const ENDED = new Map([
  ["backgroundfetchsuccess", "Uploaded, but for the end: open the page to complete it"],
  ["backgroundfetchfail", "Not all of it was uploaded: open the page to go on"],
]);

for (const [name, title] of ENDED) {
  addEventListener(name, (event) => {
    if (!isFetched(event)) return;
    const { id } = event.registration;
    if (id.startsWith(OURS))
      event.waitUntil(Promise.allSettled([tellEnd(id, title), event.updateUI({ title })]));
  });
}

/** Pages that are open go on by themselves. */
async function tellEnd(id: string, title: string): Promise<void> {
  const { clients, registration } = globalThis as unknown as Scope;
  const open = await clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const page of open) page.postMessage({ holdfastEnded: id });
  if (open.length > 0 || Notification.permission !== "granted") return;
  const data: NoticeData = { holdfast: registration.scope };
  await registration.showNotification(title, { tag: id, data });
}

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

function isFetched(event: Event): event is Fetched {
  return "waitUntil" in event && "registration" in event && "updateUI" in event;
}

function isClicked(event: Event): event is Clicked {
  return "waitUntil" in event && "notification" in event;
}
