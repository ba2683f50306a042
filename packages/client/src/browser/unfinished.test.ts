import "fake-indexeddb/auto";
import { uploadId } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { encodeCheckpoint } from "../checkpoint.ts";
import { systemClock, systemDigester } from "../node/platform.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import { createClaims } from "./claims.ts";
import { createDatabase } from "./database.ts";
import { createFileChannel } from "./file-channel.ts";
import { createHandles } from "./handles.ts";
import { browserRandom } from "./platform.ts";
import { isFileOf, otherFile } from "./same-file.ts";
import { forgetOne, listHere } from "./unfinished.ts";

const database = createDatabase("unfinished", systemClock);
const checkpoints = createCheckpointStore({
  clock: systemClock,
  claims: createClaims(undefined),
  database,
});
const place = {
  checkpoints,
  digester: systemDigester,
  handles: createHandles(systemClock, database),
  files: createFileChannel({
    ...{ clock: systemClock, random: browserRandom, locks: undefined, wire: undefined },
  }),
};

function checkpointOf(source: string): string {
  return encodeCheckpoint(systemDigester, {
    server: "https://files.example",
    uploadId: uploadId(new Uint8Array(16).fill(7)),
    fingerprint: { size: 6, mtimeMs: 5, ctimeMs: 5, ino: 0 },
    partSize: 1_048_576,
    createdAt: 1,
    source,
    choices: '{"type":"video/mp4"}',
  });
}

describe("what a page can go on with", () => {
  it("is each file that somebody could find again, until it is forgotten", async () => {
    const identity = JSON.stringify(["file", "talks/talk.mp4", 6, 5]);
    await checkpoints.save("a", checkpointOf(identity));
    await checkpoints.save("b", checkpointOf("blob:1234"));
    await checkpoints.save("c", "what a line has taught");
    const hers = JSON.stringify(["file", "talks/hers.mp4", 6, 5, "ada"]);
    await checkpoints.save("d", checkpointOf(hers));
    const found = await listHere(place);
    expect(found).toMatchObject([
      {
        ...{ key: "a", identity, path: "talks/talk.mp4", size: 6, lastModified: 5 },
        ...{ to: "https://files.example", type: "video/mp4", isRunning: false },
      },
    ]);
    const [seen, ...more] = await listHere({ ...place, owner: "ada" });
    expect([seen?.path, seen?.identity, more]).toEqual(["talks/hers.mp4", hers, []]);
    const release = await checkpoints.claim("a");
    expect((await listHere(place))[0]?.isRunning).toBe(true);
    await expect(forgetOne(place, { key: "a", identity })).rejects.toMatchObject({
      code: "transfer_busy",
    });
    release();
    const held = new File(["abcdef"], "talk.mp4", { lastModified: 5 });
    place.files.offer("a", held);
    expect((await listHere(place))[0]?.file).toBe(held);
    expect(await forgetOne(place, { key: "a", identity })).toEqual([]);
    expect(await place.files.find(["a"])).toEqual(new Map());
    const [one] = found;
    if (!one) throw new Error("nothing was found");
    const talk = new File(["abcdef"], "talk.mp4", { lastModified: 5 });
    expect(isFileOf(one, talk)).toBe(true);
    for (const other of [
      new File(["abcdef"], "talk.mp4", { lastModified: 6 }),
      new File(["abcdefg"], "talk.mp4", { lastModified: 5 }),
      new File(["abcdef"], "other.mp4", { lastModified: 5 }),
    ]) {
      expect(isFileOf(one, other)).toBe(false);
      expect(otherFile(one, other)).toMatchObject({ code: "source_changed" });
      expect(otherFile(one, other).message).toContain("talks/talk.mp4");
    }
    checkpoints.close();
  });
});
