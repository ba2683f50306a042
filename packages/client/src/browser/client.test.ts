// What a page meets where its worker breaks, or a person has not clicked.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, createClient } from "./client.ts";
import type { ToEngine, ToPage } from "./messages.ts";
import type { Downloaded } from "./page-download.ts";
import type { Unfinished } from "./unfinished.ts";

const TO = "https://files.example";
const BLOB = new Blob(["abc"]);
const WORKING = "the working file";

/** A worker that is heard, and says nothing but that it is ready. */
class FakeWorker extends EventTarget implements Worker {
  readonly heard: ToEngine[] = [];
  onerror: Worker["onerror"] = null;
  onmessage = null;
  onmessageerror = null;
  readonly ready = Promise.withResolvers<MessagePort>();

  postMessage(_: unknown, transfer?: Transferable[] | StructuredSerializeOptions): void {
    const [port] = Array.isArray(transfer) ? transfer : [];
    if (!(port instanceof MessagePort)) throw new Error("there is no port");
    port.onmessage = ({ data }: MessageEvent<ToEngine>) => {
      this.heard.push(data);
      if (data.type !== "begin") return;
      port.postMessage({ type: "ready" } satisfies ToPage);
      this.ready.resolve(port);
    };
  }

  break(): void {
    this.onerror?.(Object.assign(new Event("error"), { message: "broken" }) as ErrorEvent);
  }

  terminate(): void {
    this.ready.promise.then((port) => port.close());
  }
}

let workers: FakeWorker[] = [];
let client: Client;
let page: EventTarget;

beforeEach(() => {
  workers = [];
  vi.stubGlobal("document", Object.assign(new EventTarget(), { baseURI: "https://page.example/" }));
  page = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener"] as const)
    vi.stubGlobal(name, page[name].bind(page));
  client = createClient({
    worker: () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    },
  });
});
afterEach(() => {
  client.close();
  vi.unstubAllGlobals();
});

/** Long enough for messages. */
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

/** The browser keeps the page as it is, and shows it again. */
function leaveAndComeBack(): void {
  for (const name of ["pagehide", "pageshow"])
    page.dispatchEvent(Object.assign(new Event(name), { persisted: true }));
}

/** The first worker, once the page has heard of it. */
async function started(): Promise<FakeWorker> {
  const [worker] = workers;
  if (!worker) throw new Error("no worker was started");
  const port = await worker.ready.promise;
  port.postMessage({ type: "ready" } satisfies ToPage);
  await new Promise((resolve) => setTimeout(resolve, 20));
  return worker;
}

describe("a client of a page", () => {
  it("begins with another worker where a page sends again as soon as it hears that one broke", async () => {
    const first = client.upload(BLOB, { to: TO });
    const again: Promise<unknown>[] = [];
    first.on("error", () => {
      if (again.length > 9) throw new Error("again and again");
      again.push(client.upload(BLOB, { to: TO }).done);
    });
    const worker = await started();
    worker.break();
    await expect(first.done).rejects.toMatchObject({ code: "internal" });
    expect(again.length).toBe(1);
    expect(workers.length).toBe(2);
    const isOver = await Promise.race([
      ...again.map((done) => done.then(Boolean, Boolean)),
      new Promise((resolve) => setTimeout(() => resolve(false), 20)),
    ]);
    expect(isOver).toBe(false);
  });

  it("lets go of all when its page is left and kept, and goes on when that is shown again", async () => {
    const pass = (name: string, persisted: boolean) =>
      page.dispatchEvent(Object.assign(new Event(name), { persisted }));
    const sending = client.upload(BLOB, { to: TO, resume: false });
    client.upload(BLOB, { to: TO, name: "two" });
    const first = await started();
    const port = await first.ready.promise;
    const paused: ToPage = { type: "event", id: 2, event: { name: "state", value: "paused" } };
    port.postMessage(paused);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const ended = vi.spyOn(first, "terminate");
    pass("pagehide", false);
    expect(ended).not.toHaveBeenCalled();
    pass("pagehide", true);
    expect(ended).toHaveBeenCalledOnce();
    expect(workers.length).toBe(1);
    pass("pageshow", true);
    const [, second] = workers;
    await second?.ready.promise;
    sending.pause();
    await vi.waitFor(() => expect(second?.heard.at(-1)).toEqual({ type: "pause", id: 1 }));
    expect(second?.heard).toMatchObject([
      { type: "begin" },
      { type: "upload", id: 1, upload: { options: { to: TO } } },
      { type: "upload", id: 2 },
      { type: "pause", id: 2 },
      { type: "pause", id: 1 },
    ]);
    expect(second?.heard[1]).not.toHaveProperty("upload.options.resume");
  });

  it("gives a token to nobody but the engine that asked for it", async () => {
    const { promise: token, resolve } = Promise.withResolvers<string>();
    client.upload(BLOB, { to: TO, token: () => token });
    const port = await (await started()).ready.promise;
    port.postMessage({ type: "ask token", id: 1, question: 1 } satisfies ToPage);
    await soon();
    leaveAndComeBack();
    const [, second] = workers;
    await second?.ready.promise;
    resolve("secret");
    await soon();
    expect(second?.heard.map(({ type }) => type)).toEqual(["begin", "upload"]);
  });

  it("does by itself, as far as it knows, what another tab was at when it was left", async () => {
    const sending = client.upload(BLOB, { to: TO });
    const told: unknown[] = [];
    sending.on("where", (where) => told.push(where));
    client.onRunning((isRunning) => told.push(isRunning));
    const port = await (await started()).ready.promise;
    port.postMessage({ type: "where", id: 1, where: "elsewhere" } satisfies ToPage);
    await soon();
    leaveAndComeBack();
    expect(told).toEqual([true, "elsewhere", false, "here", true]);
  });

  /** A download of something that the browser keeps, once it is whole. */
  async function downloaded(): Promise<Downloaded> {
    const download = client.download("https://files.example/a");
    const port = await (await started()).ready.promise;
    const result = { url: "a", size: 1, root: "", sentBytes: 0, resumedBytes: 0 };
    const file = new File(["a"], WORKING);
    const id = workers[0]?.heard.findLast((one) => one.type === "download")?.id;
    port.postMessage({ type: "complete", id, result: { ...result, file } } as unknown as ToPage);
    return download.done;
  }

  it("has what downloads have kept held again when its page was left and is shown again, and forgets it then", async () => {
    const { forget } = await downloaded();
    leaveAndComeBack();
    const forgotten = Promise.all([forget(), forget()]);
    const [, second] = workers;
    await vi.waitFor(() => expect(second?.heard.length).toBe(3));
    expect(second?.heard.slice(1)).toEqual([
      { type: "keep", working: [WORKING] },
      { type: "drop", question: 2, working: WORKING },
    ]);
    const found = { uploads: [], downloads: [] };
    (await second?.ready.promise)?.postMessage({ type: "unfinished", question: 2, found });
    await forgotten;
    await forget();
    expect(second?.heard.length).toBe(3);
    leaveAndComeBack();
    // There is nothing to be held any more.
    expect(workers.length).toBe(2);
  });

  it("holds what several downloads have kept until each of them is forgotten, whatever becomes of workers", async () => {
    const { forget } = await downloaded();
    await downloaded();
    workers[0]?.break();
    const forgotten = forget();
    const [, second] = workers;
    await vi.waitFor(() => expect(second?.heard.length).toBe(3));
    expect(second?.heard[1]).toEqual({ type: "keep", working: [WORKING, WORKING] });
    const found = { uploads: [], downloads: [] };
    (await second?.ready.promise)?.postMessage({ type: "unfinished", question: 3, found });
    await forgotten;
    leaveAndComeBack();
    const [, , third] = workers;
    await vi.waitFor(() => expect(third?.heard.length).toBe(2));
    expect(third?.heard[1]).toEqual({ type: "keep", working: [WORKING] });
  });

  it("says of what is no address that it is none, without repeating it", () => {
    expect(() => client.download("https://a b/?sig=secret")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.not.stringContaining("secret") }),
    );
  });

  it("hands nothing to the browser where the site has no service worker, and stops nothing", async () => {
    const sending = client.upload(new File(["abc"], "a.txt"), { to: TO });
    await expect(sending.toBackground()).rejects.toMatchObject({ code: "background_unsupported" });
    const worker = await started();
    expect(worker.heard.map(({ type }) => type)).toEqual(["begin", "upload"]);
  });

  it("begins nothing once it is closed, by which nobody would be there to end it", async () => {
    client.upload(BLOB, { to: TO }).done.catch(() => undefined);
    await started();
    client.close();
    const closed = { code: "aborted", message: "the client is closed" };
    expect(() => client.upload(BLOB, { to: TO })).toThrow(expect.objectContaining(closed));
    await expect(client.unfinished()).rejects.toMatchObject(closed);
    client.onOther(() => undefined);
    expect(workers.length).toBe(1);
  });

  it("says that a file has to be allowed where the browser may not even ask", async () => {
    const one: Unfinished = {
      ...{ key: "k", identity: "i", path: "talks/talk.mp4", size: 3, lastModified: 5, to: TO },
      ...{ savedAt: 1, isRunning: false },
    };
    const requestPermission = async () => {
      throw new DOMException("User activation is required", "SecurityError");
    };
    const handle = { kind: "file", name: "talk.mp4", requestPermission };
    await expect(
      client.resume(one, { handle: handle as unknown as FileSystemFileHandle }),
    ).rejects.toMatchObject({ code: "source_denied" });
  });
});
