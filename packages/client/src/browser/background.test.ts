// Handing an upload to the browser, by a double of Background Fetch: what it is given, what comes of each end, who gets the upload back.
import { HoldfastError } from "@holdfast/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import { type Background, createBackground } from "./background.ts";

const FILE = new File(["0123456789"], "a.bin");
const SIGNED = [0, 4, 8].map((offset) => ({
  ...{ url: `https://files.example/p/${offset}`, method: "PUT", headers: { "x-a": "b" } },
  ...{ offset, size: Math.min(4, 10 - offset) },
}));

class Fetching extends EventTarget {
  uploaded = 0;
  result: "" | "success" | "failure" = "";
  failureReason = "";
  isAborted = false;

  tell(more: Partial<Pick<Fetching, "uploaded" | "result" | "failureReason">>): void {
    Object.assign(this, more);
    this.dispatchEvent(new Event("progress"));
  }
  async abort(): Promise<boolean> {
    this.isAborted = true;
    return true;
  }
}

let told: unknown[];
let asked: { id: string; requests: readonly Request[]; title: string }[];
let fetching: Fetching;
let known: Map<string, Fetching>;
let onFetch: () => Promise<Fetching>;
beforeEach(() => {
  told = [];
  asked = [];
  known = new Map();
  fetching = new Fetching();
  onFetch = async () => fetching;
});

/** The engine is a double that does what it is told at once. */
function background(
  registration: object = fetches(),
  sign: () => Promise<typeof SIGNED> = async () => SIGNED,
): Background {
  const made: Background = createBackground({
    ...{ id: "holdfast one", file: FILE, registration, sign },
    command(what) {
      told.push(what);
      made.note(what === "pause" ? "paused" : "checking");
    },
    show: (where) => told.push(where),
    sent: (bytes) => told.push(bytes),
  });
  made.note("sending");
  return made;
}

function fetches() {
  return {
    backgroundFetch: {
      get: async (id: string) => known.get(id),
      fetch(id: string, requests: readonly Request[], { title }: { title: string }) {
        asked.push({ id, requests, title });
        return onFetch().then((begun) => {
          if (begun.result === "") known.set(id, begun);
          return begun;
        });
      },
    },
  };
}

const TITLE = { title: "a.bin" };
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("an upload in the background", () => {
  it("goes as it was signed, part by part, with nothing else along", async () => {
    await background().handOver(TITLE);
    const [{ id, requests, title } = { id: "", requests: [], title: "" }] = asked;
    expect([id, title, asked.length]).toEqual(["holdfast one", "a.bin", 1]);
    expect(requests.map(({ url, method }) => [url, method])).toEqual(
      SIGNED.map(({ url }) => [url, "PUT"]),
    );
    expect(await Promise.all(requests.map((one) => one.text()))).toEqual(["0123", "4567", "89"]);
    for (const { headers, credentials, redirect } of requests) {
      expect([...headers]).toEqual([["x-a", "b"]]);
      expect([credentials, redirect]).toEqual(["omit", "error"]);
    }
    expect(told).toEqual(["pause", "background", 0]);
  });

  it("shows what the browser has sent, and goes on in the page when the browser is done", async () => {
    const one = background();
    await one.handOver(TITLE);
    fetching.tell({ uploaded: 7 });
    fetching.tell({ uploaded: 10, result: "success" });
    expect(told).toEqual(["pause", "background", 0, 7, "here", "resume"]);
    expect(one.isOut()).toBe(false);
    fetching.tell({ uploaded: 10 });
    expect(told).toHaveLength(6);
    expect(fetching.isAborted).toBe(false);
  });

  it.each([
    ["bad-status", ["here", "resume"]],
    ["fetch-error", ["here", "resume"]],
    // A person has called it off where the browser shows it.
    ["aborted", ["here"]],
  ])("that ends with %s is gone on with as it should be", async (failureReason, after) => {
    await background().handOver(TITLE);
    fetching.tell({ result: "failure", failureReason });
    expect(told.slice(3)).toEqual(after);
  });

  it("is not handed over where the browser has no Background Fetch, and nothing stops", async () => {
    for (const none of [{}, { backgroundFetch: undefined }]) {
      const refused = background(none).handOver(TITLE);
      await expect(refused).rejects.toMatchObject({ code: "background_unsupported" });
    }
    expect(told).toEqual([]);
  });

  it("goes on where it was if the browser does not take it, or nothing can be signed", async () => {
    onFetch = () => Promise.reject(new DOMException("quota", "QuotaExceededError"));
    await expect(background().handOver(TITLE)).rejects.toMatchObject({
      code: "background_unsupported",
    });
    const away = () => Promise.reject(new HoldfastError("connection_failed"));
    await expect(background(fetches(), away).handOver(TITLE)).rejects.toMatchObject({
      code: "connection_failed",
    });
    expect(told).toEqual(["pause", "resume", "pause", "resume"]);
    const paused = background();
    paused.note("paused");
    await expect(paused.handOver(TITLE)).rejects.toMatchObject({ code: "background_unsupported" });
    expect(told.slice(4)).toEqual(["pause"]);
  });

  it("is handed over once, however often that is asked for", async () => {
    const one = background();
    await Promise.all([one.handOver(TITLE), one.handOver(TITLE)]);
    await one.handOver(TITLE);
    expect(asked).toHaveLength(1);
  });

  it("goes on where the browser was done before anybody listened", async () => {
    const { backgroundFetch } = fetches();
    const one = background({ backgroundFetch: { ...backgroundFetch, get: async () => undefined } });
    await one.handOver(TITLE);
    expect(told).toEqual(["pause", "background", 0, "here", "resume"]);
    expect(one.isOut()).toBe(false);
  });

  it("goes on where the browser was done while the page was stopped, once that is looked at", async () => {
    const one = background();
    await one.handOver(TITLE);
    await one.hint();
    expect(told).toEqual(["pause", "background", 0]);
    known.clear();
    await one.hint();
    expect(told.slice(3)).toEqual(["here", "resume"]);
    await one.hint();
    expect(told).toHaveLength(5);
  });

  it("is called off by whoever wants it back", async () => {
    const one = background();
    await one.handOver(TITLE);
    await one.takeBack();
    expect([fetching.isAborted, one.isOut()]).toEqual([true, false]);
    expect(told.slice(3)).toEqual(["here"]);
    fetching.tell({ result: "failure", failureReason: "aborted" });
    expect(told).toHaveLength(4);
  });

  it("is called off where it is wanted back before the browser has it", async () => {
    const signing = Promise.withResolvers<typeof SIGNED>();
    const one = background(fetches(), () => signing.promise);
    const early = one.handOver(TITLE);
    await one.takeBack();
    signing.resolve(SIGNED);
    await expect(early).rejects.toMatchObject({ code: "aborted" });
    expect(asked).toEqual([]);
    const taking = Promise.withResolvers<Fetching>();
    onFetch = () => taking.promise;
    const late = one.handOver(TITLE);
    await settle();
    await one.takeBack();
    taking.resolve(fetching);
    await expect(late).rejects.toMatchObject({ code: "aborted" });
    expect([fetching.isAborted, one.isOut()]).toEqual([true, false]);
    expect(told).toEqual(["pause", "pause"]);
  });

  it("is called off where another tab goes on with it", async () => {
    const one = background();
    await one.handOver(TITLE);
    one.note("checking");
    expect([fetching.isAborted, one.isOut()]).toEqual([true, false]);
  });

  it("is found by the page that comes next, while the browser is at it", async () => {
    await background().find();
    known.set("holdfast one", Object.assign(new Fetching(), { result: "success" }));
    await background().find();
    known.set("holdfast two", fetching);
    await background().find();
    expect(told).toEqual([]);
    known.set("holdfast one", fetching);
    const one = background();
    await one.find();
    await one.handOver(TITLE);
    expect(asked).toEqual([]);
    await one.find();
    expect(told).toEqual(["pause", "background", 0, "background"]);
    fetching.tell({ result: "success" });
    expect(told.slice(4)).toEqual(["here", "resume"]);
  });

  it("goes on once the service worker says that the browser is done, unless it is being sent", async () => {
    const one = background();
    one.ended();
    expect(told).toEqual([]);
    one.note("paused");
    one.ended();
    expect(told).toEqual(["resume"]);
    await one.handOver(TITLE);
    one.ended();
    expect(told.slice(1)).toEqual(["pause", "background", 0, "here", "resume"]);
  });
});
