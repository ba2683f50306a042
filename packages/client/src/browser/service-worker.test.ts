// What the site's service worker does with what it is told, by a double of the scope that it runs in.
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { awake, endedOf } from "./service-worker-messages.ts";

type Waited = Event & { readonly waits: Promise<unknown>[] };

const listeners = new Map<string, (event: Event) => void>();
const opened: string[] = [];
const told: unknown[] = [];
const shown: unknown[] = [];
let isOpen = true;
const focused: string[] = [];

/** As a browser makes it: what it is told to wait for, it waits for. */
function happen(name: string, more: object): Waited {
  const waits: Promise<unknown>[] = [];
  const event = Object.assign(new Event(name), {
    ...more,
    waits,
    waitUntil: (done: Promise<unknown>) => waits.push(done),
  });
  listeners.get(name)?.(event);
  return event;
}

const page = {
  url: "https://site.example/uploads",
  focus: async () => focused.push("https://site.example/uploads"),
  postMessage: (message: unknown) => told.push(message),
};

const isOver = (work: Promise<unknown> | undefined) =>
  Promise.race([work?.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);

beforeAll(async () => {
  vi.stubGlobal("addEventListener", (name: string, listener: (event: Event) => void) =>
    listeners.set(name, listener),
  );
  vi.stubGlobal("clients", {
    matchAll: async () => (isOpen ? [page] : []),
    openWindow: async (url: string) => opened.push(url),
  });
  vi.stubGlobal("registration", {
    scope: "https://site.example/",
    showNotification: async (title: string, more: object) => shown.push({ title, ...more }),
  });
  vi.stubGlobal("Notification", { permission: "granted" });
  await import("./service-worker.ts");
});
afterEach(() => {
  isOpen = true;
  for (const list of [told, shown]) list.length = 0;
  vi.useRealTimers();
});

test("stays awake for minutes after it was told of uploads, and no longer than after the last word", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const first = happen("message", { data: awake });
  expect(await isOver(first.waits[0])).toBe(false);
  const second = happen("message", { data: awake });
  expect(await isOver(first.waits[0])).toBe(true);
  vi.advanceTimersByTime(3 * 60_000);
  expect(await isOver(second.waits[0])).toBe(false);
  vi.advanceTimersByTime(60_000);
  expect(await isOver(second.waits[0])).toBe(true);
});

test("leaves messages and notifications of the site's own alone", () => {
  const close = vi.fn();
  expect(happen("message", { data: "skip waiting" }).waits).toEqual([]);
  for (const data of [undefined, null, "text", { holdfast: 3 }]) {
    const notification = { data, close };
    expect(happen("notificationclick", { notification }).waits).toEqual([]);
  }
  expect(close).not.toHaveBeenCalled();
});

test("leads whoever clicks to the page: as it is open, or opened", async () => {
  const close = vi.fn();
  for (const holdfast of ["https://site.example/uploads", "https://site.example/other"]) {
    const notification = { data: { holdfast }, close };
    await Promise.all(happen("notificationclick", { notification }).waits);
  }
  expect(close).toHaveBeenCalledTimes(2);
  expect(focused).toEqual(["https://site.example/uploads"]);
  expect(opened).toEqual(["https://site.example/other"]);
});

const ENDS = ["backgroundfetchsuccess", "backgroundfetchfail"];

test("tells open pages that the browser is done with what it was handed, and in its words what is left", async () => {
  for (const name of ENDS) {
    const updateUI = vi.fn(async () => undefined);
    const id = `holdfast ${name}`;
    await Promise.all(happen(name, { registration: { id }, updateUI }).waits);
    expect(endedOf(told.at(-1))).toBe(id);
    expect(updateUI).toHaveBeenCalledWith({ title: expect.stringContaining("open the page") });
  }
  expect(told).toHaveLength(2);
  expect(shown).toEqual([]);
});

test("asks a person to come back where no page is open, once they have allowed that", async () => {
  isOpen = false;
  for (const name of ENDS) {
    const event = { registration: { id: "holdfast one" }, updateUI: async () => undefined };
    await Promise.all(happen(name, event).waits);
  }
  expect(shown).toHaveLength(2);
  for (const one of shown)
    expect(one).toMatchObject({ tag: "holdfast one", data: { holdfast: "https://site.example/" } });
  vi.stubGlobal("Notification", { permission: "default" });
  const event = { registration: { id: "holdfast one" }, updateUI: async () => undefined };
  await Promise.all(happen("backgroundfetchfail", event).waits);
  expect(shown).toHaveLength(2);
});

test("leaves background fetches of the site's own alone", () => {
  const event = { registration: { id: "film" }, updateUI: vi.fn() };
  expect(happen("backgroundfetchsuccess", event).waits).toEqual([]);
  for (const message of [undefined, "film", { holdfast: "page" }, { holdfastEnded: 3 }])
    expect(endedOf(message)).toBeUndefined();
});
