// A real store, examined, set and opened by its location: what it can do, and what it refuses.
import { createHash, randomBytes } from "node:crypto";
import { MIB, uploadId } from "@holdfast/protocol";
import { examineS3, initS3, parseS3Location } from "@holdfast/server";
import { type OpenS3Options, openS3Storage } from "@holdfast/server/storage/s3";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createVirtualClock } from "../clock.ts";
import { freePort } from "../free-port.ts";
import { createRandom } from "../random.ts";
import { type Seaweed, startSeaweed } from "./seaweed.ts";

const ORIGIN = "https://app.example";

let seaweed: Seaweed;
let location: string;
let credentials: Seaweed["reader"];

beforeAll(async () => {
  seaweed = await startSeaweed();
  const { url, accessKeyId, secretAccessKey } = seaweed;
  location = `s3://files/ours?endpoint=${url}`;
  credentials = { accessKeyId, secretAccessKey };
});
afterEach(() => void vi.useRealTimers());
afterAll(() => seaweed.stop());

const WANTS = { origins: [ORIGIN], stageDays: 7, makesBucket: true, isDryRun: false };
const statesOf = (list: readonly { readonly what: string; readonly state: string }[]) =>
  Object.fromEntries(list.map(({ what, state }) => [what, state]));

it("makes a bucket once, and finds it as it should be then", async () => {
  const init = () => initS3(parseS3Location(location), { ...WANTS, credentials });
  expect(statesOf(await init())).toEqual({ bucket: "done", lifecycle: "done", cors: "done" });
  expect(statesOf(await init())).toEqual({ bucket: "kept", lifecycle: "kept", cors: "kept" });
  const examined = await examineS3(parseS3Location(location), { credentials, origin: ORIGIN });
  const { items } = await examined.calls.objects.list("");
  examined.calls.close();
  expect(items).toEqual([]);
  expect(statesOf(examined.findings)).toEqual({
    ...{ access: "yes", write: "yes", digests: "yes", listing: "yes", parts: "yes", signed: "yes" },
    ...{
      unfinished: "yes",
      read: "yes",
      once: "yes",
      remove: "yes",
      cors: "yes",
      lifecycle: "yes",
    },
  });
});

function open(options: Partial<OpenS3Options> = {}) {
  const platform = { clock: createVirtualClock(), random: createRandom(1) };
  return openS3Storage({ location, credentials, idleMs: 2_000, ...platform, ...options });
}

describe("a storage that was opened", () => {
  it("takes a part, and gives it back", async () => {
    const { storage, close } = await open();
    const bytes = randomBytes(MIB);
    const digest = new Uint8Array(createHash("sha256").update(bytes).digest());
    const part = { index: 0, size: MIB, digest };
    const place = await storage.begin(uploadId(randomBytes(16)), "text/plain");
    await storage.putPart(place, part, { kind: "memory", pieces: [bytes] });
    await storage.assemble(place, [part]);
    const pieces: Uint8Array[] = [];
    const range = { start: 0, end: MIB };
    for await (const piece of storage.objects.read({ kind: "bytes", place }, range)) {
      pieces.push(piece);
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    await storage.discard(place);
    close();
  });
});

describe("refused at start", () => {
  const other = { accessKeyId: "nobody", secretAccessKey: "nothing" };

  it.each([
    ["bucket", () => ({ location: location.replace("files", "another") })],
    ["credentials", () => ({ credentials: other })],
    ["credentials", () => ({ credentials: { ...credentials, secretAccessKey: "guessed" } })],
    ["rights", () => ({ credentials: seaweed.reader })],
  ])("is a wrong %s", async (setting, options) => {
    await expect(open(options())).rejects.toMatchObject({
      ...{ code: "storage_unusable", details: { setting, hint: expect.stringMatching(/\S/) } },
    });
  });

  it("is an endpoint that is down", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const opening = open({ location: `s3://files?endpoint=${endpoint}` });
    await expect(opening).rejects.toMatchObject({
      ...{ code: "storage_unusable", details: { setting: "endpoint" } },
    });
  });

  it.each([-20, 20])("is a clock %i minutes off", async (minutes) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + minutes * 60_000 });
    await expect(open()).rejects.toMatchObject({
      ...{ code: "storage_unusable", details: { setting: "clock" } },
    });
  });
});
