// What Uppy hears of transfers and transfers of Uppy: the real core of Uppy, with transfers that do as the test says.
import type { Client, FileOptions, PageEvents, Transfer, Upload } from "@holdfast/client/browser";
import { HoldfastError } from "@holdfast/protocol";
import Uppy, { type Body, type Meta } from "@uppy/core";
import { afterEach, expect, it, vi } from "vitest";
import { Holdfast } from "./index.ts";

type Listener = (value: never) => void;

/** One transfer, in the hand of the test. */
interface Played {
  readonly blob: Blob;
  readonly options: FileOptions;
  /** What it was told to do, in order. */
  readonly told: string[];
  emit<Name extends keyof PageEvents>(name: Name, value: PageEvents[Name]): void;
  complete(): void;
  fail(error: HoldfastError): void;
}

interface Stage {
  readonly client: Client;
  readonly played: readonly Played[];
}

function openStage(): Stage {
  const played: Played[] = [];
  const refuse = (): never => {
    throw new Error("nobody asks for that");
  };
  const upload = (blob: Blob, options: FileOptions): Upload => {
    const listeners = new Map<string, Listener>();
    const { promise: done, resolve, reject } = Promise.withResolvers<Awaited<Transfer["done"]>>();
    const told: string[] = [];
    played.push({
      blob,
      options,
      told,
      emit: (name, value) => listeners.get(name)?.(value as never),
      complete: () =>
        resolve({
          ...{ id: "f1", url: `${options.to}/v1/files/f1`, size: blob.size, root: "00" },
          ...{ bytesSent: 0, bytesCommitted: blob.size, seconds: 1, resumedBytes: 0 },
        }),
      fail: reject,
    });
    return {
      pause: async () => void told.push("pause"),
      resume: () => void told.push("resume"),
      abort: () => {
        told.push("abort");
        reject(new HoldfastError("aborted"));
      },
      on(name, listener) {
        listeners.set(name, listener);
        return () => listeners.delete(name);
      },
      done,
      toBackground: refuse,
      state: "sending",
    };
  };
  return {
    client: {
      ...{
        upload,
        resume: refuse,
        forget: refuse,
        download: refuse,
        unfinishedDownloads: refuse,
        forgetDownload: refuse,
        onOther: refuse,
        onRunning: refuse,
      },
      unfinished: async () => [],
      close: refuse,
    },
    played,
  };
}

const TO = "https://files.example";
const at = (committed: number, size: number) => ({ committed, size, sent: 0, rate: 1, eta: 1 });

function openUppy(stage: Stage, more: object = {}): Uppy<Meta, Body> {
  const logger = { debug: () => undefined, warn: () => undefined, error: () => undefined };
  return new Uppy<Meta, Body>({ logger }).use(Holdfast, { to: TO, client: stage.client, ...more });
}

const add = (uppy: Uppy<Meta, Body>, name: string, meta: Meta = {}): string =>
  uppy.addFile({
    name,
    type: "text/plain",
    data: new File(["abcd"], name, { lastModified: 7 }),
    meta,
  });

afterEach(() => {
  vi.useRealTimers();
});

it("sends a file with its meta, and tells where it is", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  add(uppy, "a.txt", { camera: "2", take: 3, relativePath: null });
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  const [one] = stage.played;
  expect(one?.options).toMatchObject({ to: TO, name: "a.txt", type: "text/plain" });
  expect(one?.options.metadata).toEqual(
    new Map([
      ["camera", "2"],
      ["take", "3"],
    ]),
  );
  expect(one?.options).not.toHaveProperty("client");
  one?.complete();
  const result = await uploading;
  expect(result?.failed).toEqual([]);
  expect(result?.successful?.[0]).toMatchObject({
    uploadURL: `${TO}/v1/files/f1`,
    response: { status: 200, body: { id: "f1", root: "00" } },
    progress: { uploadComplete: true, percentage: 100 },
  });
});

it("tells files apart by where they lie in the folder that was dropped", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  add(uppy, "a.txt", { relativePath: "talks/a.txt" });
  void uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  expect(stage.played[0]?.options).toMatchObject({ name: "a.txt", path: "talks/a.txt" });
  expect(stage.played[0]?.options.metadata).toEqual(new Map([["path", "talks/a.txt"]]));
});

it.each([
  { allowed: false, names: [] },
  { allowed: ["camera"], names: ["camera"] },
])("sends the meta that are allowed: $allowed", async ({ allowed, names }) => {
  const stage = openStage();
  const uppy = openUppy(stage, { allowedMetaFields: allowed });
  add(uppy, "a.txt", { camera: "2", take: 3 });
  void uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  expect([...(stage.played[0]?.options.metadata?.keys() ?? [])]).toEqual(names);
});

it("shows what is committed, the last word of many only, and none after the end", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const id = add(uppy, "a.txt");
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  vi.useFakeTimers();
  const heard: unknown[] = [];
  uppy.on("upload-progress", (_, { bytesUploaded, bytesTotal }) =>
    heard.push([bytesUploaded, bytesTotal]),
  );
  const [one] = stage.played;
  for (const committed of [1, 2, 3]) one?.emit("progress", at(committed, 4));
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toEqual([[3, 4]]);
  expect(uppy.getFile(id).progress).toMatchObject({ bytesUploaded: 3, percentage: 75 });
  one?.emit("progress", at(4, 4));
  one?.complete();
  await uploading;
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toHaveLength(1);
});

it("pauses and resumes one, and all", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const id = add(uppy, "a.txt");
  add(uppy, "b.txt");
  void uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(2));
  expect(uppy.getState().capabilities.resumableUploads).toBe(true);
  uppy.pauseResume(id);
  uppy.pauseResume(id);
  uppy.pauseAll();
  uppy.resumeAll();
  const [a, b] = stage.played;
  expect(a?.told).toEqual(["pause", "resume", "pause", "resume"]);
  expect(b?.told).toEqual(["pause", "resume"]);
});

it("aborts what is removed or cancelled, without calling that a failure", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const failed = vi.fn();
  uppy.on("upload-error", failed);
  const id = add(uppy, "a.txt");
  add(uppy, "b.txt");
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(2));
  uppy.removeFile(id);
  const [a, b] = stage.played;
  expect([a?.told, b?.told]).toEqual([["abort"], []]);
  uppy.cancelAll();
  expect(b?.told).toEqual(["abort"]);
  await uploading;
  expect(failed).not.toHaveBeenCalled();
});

it("says of a failure what happened and what helps, and tries again when it is told to", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const id = add(uppy, "a.txt");
  const other = add(uppy, "b.txt");
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(2));
  const error = new HoldfastError("source_gone", "a.txt is not where it was", { file: "a.txt" });
  stage.played[0]?.fail(error);
  stage.played[1]?.complete();
  const result = await uploading;
  expect(result?.failed?.map((file) => file.id)).toEqual([id]);
  expect(result?.successful?.map((file) => file.id)).toEqual([other]);
  expect(uppy.getFile(id).error).toBe(`a.txt is not where it was. ${error.hint}`);
  const again = uppy.retryUpload(id);
  await vi.waitFor(() => expect(stage.played).toHaveLength(3));
  stage.played[2]?.complete();
  expect((await again)?.failed).toEqual([]);
  // What is complete is not sent again.
  expect(await uppy.upload()).toMatchObject({ successful: [] });
  expect(stage.played).toHaveLength(3);
});

it("refuses by name what lies with another service, and what has to be chosen again", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const remote = { companionUrl: "https://c.example", requestClientId: "r", url: "/x" };
  const far = uppy.addFile({
    ...{ name: "far.txt", isRemote: true, remote, data: { size: 4 } },
  });
  const ghost = add(uppy, "ghost.txt");
  uppy.setFileState(ghost, { isGhost: true, data: undefined });
  const result = await uppy.upload();
  expect(result?.failed).toHaveLength(2);
  expect(uppy.getFile(far).error).toMatch(/far\.txt lies with another service/);
  expect(uppy.getFile(ghost).error).toMatch(/ghost\.txt has to be chosen again/);
  expect(stage.played).toEqual([]);
});

it("goes on with what an earlier page has begun, and leaves what is complete", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const started = vi.fn();
  uppy.on("upload-start", started);
  const open = add(uppy, "open.txt");
  const done = add(uppy, "done.txt");
  const at = { uploadStarted: 5, bytesTotal: 4 };
  uppy.setFileState(open, { isRestored: true, progress: { ...at, bytesUploaded: 2 } });
  uppy.setFileState(done, {
    isRestored: true,
    progress: { ...at, bytesUploaded: 4, uploadComplete: true, complete: true },
  });
  uppy.setState({ currentUploads: { u1: { fileIDs: [open, done], step: 0, result: {} } } });
  const going = uppy.restore("u1");
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  expect(stage.played[0]?.options.name).toBe("open.txt");
  expect(started.mock.calls.map(([files]) => files)).toEqual([[]]);
  stage.played[0]?.complete();
  await going;
});

it("knows a recording without a name of its own by the one that Uppy gave it", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  uppy.addFile({ name: "webcam-1.webm", type: "video/webm", data: new Blob(["abcd"]) });
  void uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  const [one] = stage.played;
  expect(one?.blob).toBeInstanceOf(File);
  expect(one?.blob).toMatchObject({ name: "webcam-1.webm", lastModified: 0, size: 4 });
});

it("leaves a page its turns while thousands of files are handed over", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const files = Array.from({ length: 1000 }, (_, index) => `${index}.txt`);
  uppy.addFiles(files.map((name) => ({ name, data: new File(["abcd"], name) })));
  const uploading = uppy.upload();
  const seen: number[] = [];
  while (stage.played.length < 1000) {
    await new Promise((resolve) => setTimeout(resolve));
    seen.push(stage.played.length);
  }
  // No turn of the page had to wait for all of them.
  expect(Math.max(...seen.map((count, index) => count - (seen[index - 1] ?? 0)))).toBeLessThan(500);
  for (const one of stage.played) one.complete();
  expect((await uploading)?.successful).toHaveLength(1000);
}, 60_000);

it("warns once of what concerns them all, and of a trouble that stays", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const stalled = vi.fn();
  uppy.on("upload-stalled", stalled);
  add(uppy, "a.txt");
  add(uppy, "b.txt");
  void uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(2));
  for (const one of stage.played)
    one.emit("warning", { code: "checkpoint_failed", detail: "nothing can be kept" });
  expect(uppy.getState().info.map(({ message }) => message)).toEqual(["nothing can be kept"]);
  for (const attempt of [1, 2, 3])
    stage.played[0]?.emit("retry", {
      code: "connection_failed",
      detail: "away",
      attempt,
      waitMs: 1,
    });
  expect(stalled).toHaveBeenCalledOnce();
});

it("leaves what it was at to a client of the page's own, which goes on, and Uppy hears no more of it", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const stalled = vi.fn();
  uppy.on("upload-stalled", stalled);
  const id = add(uppy, "a.txt");
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  const plugin = uppy.getPlugin("Holdfast");
  if (!plugin) throw new Error("it is not there");
  uppy.removePlugin(plugin);
  expect((await uploading)?.failed).toHaveLength(1);
  expect(uppy.getFile(id).error).toMatch(/^a\.txt goes on in this page: uploaded again/);
  const [one] = stage.played;
  one?.emit("warning", { code: "checkpoint_failed", detail: "nothing can be kept" });
  one?.emit("retry", { code: "stalled", detail: "away", attempt: 2, waitMs: 1 });
  one?.emit("state", "paused");
  expect(uppy.getState().info.map(({ message }) => message)).not.toContain("nothing can be kept");
  expect(stalled).not.toHaveBeenCalled();
  expect(uppy.getFile(id).isPaused).not.toBe(true);
  uppy.cancelAll();
  expect(one?.told).toEqual([]);
  expect(uppy.getState().capabilities.resumableUploads).toBe(false);
});

it("ends what waits for transfers when the plugin is removed, and hands over no more of them", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const names = Array.from({ length: 50 }, (_, index) => `${index}.txt`);
  for (const name of names) add(uppy, name);
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played.length).toBeGreaterThan(0));
  const handed = stage.played.length;
  expect(handed).toBeLessThan(names.length);
  const plugin = uppy.getPlugin("Holdfast");
  if (!plugin) throw new Error("it is not there");
  uppy.removePlugin(plugin);
  const result = await uploading;
  expect(stage.played).toHaveLength(handed);
  // None of them is complete: Uppy must not say so.
  expect(result?.successful).toEqual([]);
  expect(result?.failed).toHaveLength(names.length);
  expect(uppy.getFiles().map(({ error }) => error)).toContain(
    "49.txt stopped where it is: what was sent of it is kept, and it goes on when it is uploaded again",
  );
});

it("does not take for complete what somebody else has aborted", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const id = add(uppy, "a.txt");
  const uploading = uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  stage.played[0]?.fail(new HoldfastError("aborted"));
  const result = await uploading;
  expect(result?.successful).toEqual([]);
  expect(uppy.getFile(id).error).toMatch(/^The transfer was aborted\. Start it again/);
});

it("shows that somebody else has paused a file, and that it goes on", async () => {
  const stage = openStage();
  const uppy = openUppy(stage);
  const id = add(uppy, "a.txt");
  void uppy.upload();
  await vi.waitFor(() => expect(stage.played).toHaveLength(1));
  const shown = ["paused", "paused", "checking"] as const;
  const seen = shown.map((state) => {
    stage.played[0]?.emit("state", state);
    return uppy.getFile(id).isPaused;
  });
  expect(seen).toEqual([true, true, false]);
});
