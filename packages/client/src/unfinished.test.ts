import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeId } from "@holdfast/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeCheckpoint, seal } from "./checkpoint.ts";
import { createCheckpointStore } from "./node/checkpoint.ts";
import { systemDigester as digester, systemClock } from "./node/platform.ts";
import type { CheckpointStore } from "./ports.ts";
import { listUnfinished, type NotedCommand, noteCommand, noteDownload } from "./unfinished.ts";

let directory: string;
let checkpoints: CheckpointStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-unfinished-"));
  checkpoints = createCheckpointStore({ directory, now: systemClock.now });
});
afterEach(() => {
  checkpoints.close();
  rmSync(directory, { recursive: true });
});

const COMMAND = { words: ["upload", "a"], directory: "/here", servers: ["http://a"] };

async function found() {
  return (await listUnfinished({ checkpoints, digester })).map(({ savedAt: _, ...one }) => one);
}

const note = (command: NotedCommand, about: readonly string[], store = checkpoints) =>
  noteCommand({ checkpoints: store, digester, clock: systemClock }, command, about, {
    signal: new AbortController().signal,
    onBusy: () => undefined,
  });

async function keepUpload(key: string, more: object): Promise<void> {
  const fingerprint = { size: 7, mtimeMs: 1, ctimeMs: 1, ino: 1 };
  const about = { server: "http://a", fingerprint, partSize: 262_144, createdAt: 1 };
  const uploadId = encodeId(new Uint8Array(16)) as never;
  await checkpoints.save(key, encodeCheckpoint(digester, { ...about, uploadId, ...more }));
}

describe("what is unfinished", () => {
  it("is an upload that has a path and no file, with what it was to be called", async () => {
    const choices = '{"metadata":{"a":"b"},"name":"n","type":"t/u"}';
    await keepUpload("old", {});
    await keepUpload("open", { source: "/x", choices });
    await keepUpload("plain", { source: "/y", choices: "{}" });
    const file = { id: encodeId(new Uint8Array(16)), root: "00" };
    await keepUpload("done", { source: "/z", file });
    const common = { kind: "upload", to: "http://a", size: 7 };
    expect(await found()).toEqual([
      {
        ...common,
        key: "open",
        path: "/x",
        name: "n",
        type: "t/u",
        metadata: new Map([["a", "b"]]),
      },
      { ...common, key: "plain", path: "/y" },
    ]);
  });

  it.each([{}, { sha256: "11" }])(
    "is a download that was noted, with what it wants: %j",
    async (wanted) => {
      const download = { url: "http://a/v1/files/x", path: "/x", size: 9, root: "00", ...wanted };
      await noteDownload({ checkpoints, digester }, "key", download);
      expect(await found()).toEqual([{ kind: "download", key: "key", ...download }]);
    },
  );

  it("is a command until it is told to be finished, and no second one of the same runs meanwhile", async () => {
    const end = await note(COMMAND, ["a"]);
    expect(await found()).toMatchObject([{ kind: "command", ...COMMAND }]);
    const second = note(COMMAND, ["a"]);
    await expect(second).rejects.toMatchObject({ code: "transfer_busy" });
    await end(false);
    expect(await found()).toHaveLength(1);
    const faster = { ...COMMAND, words: ["upload", "a", "--files", "9"] };
    const again = await note(faster, ["a"]);
    expect(await found()).toMatchObject([faster]);
    await again(true);
    expect(await found()).toEqual([]);
  });

  it.each([
    "nothing of ours",
    seal(digester, "[]"),
    seal(digester, '{"kind":"other"}'),
    seal(digester, '{"kind":"download","url":1}'),
    seal(digester, '{"kind":"command","directory":"/","words":[1],"servers":[]}'),
    seal(digester, '{"kind":"command","directory":"/","words":["a"],"servers":[]}').replace(
      "a",
      "b",
    ),
  ])("is not what cannot be read: %s", async (value) => {
    await checkpoints.save("key", value);
    expect(await found()).toEqual([]);
  });

  it("is nothing where there is no place for checkpoints, and a command runs all the same", async () => {
    const nowhere = createCheckpointStore({ directory: "/dev/null/x", now: systemClock.now });
    const end = await note(COMMAND, ["a"], nowhere);
    await end(true);
    await expect(listUnfinished({ checkpoints: nowhere, digester })).rejects.toMatchObject({
      code: "checkpoint_failed",
    });
  });
});
