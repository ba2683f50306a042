// A stored manifest that rots: refused, and made anew from digests that the file's own bytes give, or another file of the same bytes has, until it is what it was to the last byte.
import { mkdtemp, open, readdir, readFile, rm, truncate, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { decodeFile, type FileView, MIB } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, startTestServer, type TestServer } from "../../http/server.fixture.ts";
import type { Fs } from "./fs.ts";
import { createDiskStorage } from "./index.ts";
import { nodeFs } from "./node-fs.ts";

const CONTENT = Buffer.from(createRandom("manifest").bytes(2 * MIB + 4321));
const PATIENT = { timeout: 15_000 };
/** Within the digests: only the algorithm stands before them. */
const IN_DIGESTS = 60;

let directory: string;
let storage: Awaited<ReturnType<typeof createDiskStorage>>;
let server: TestServer;
/** How files of bytes were opened. */
let opened: string[];
/** Asked by whoever is about to write a manifest. */
let mayWrite: () => Promise<void>;
beforeEach(async () => {
  opened = [];
  mayWrite = async () => undefined;
  directory = await mkdtemp(join(tmpdir(), "holdfast-manifest-"));
});
afterEach(async () => {
  await server.engine.drain(0);
  await server.close();
  await storage.close();
  await rm(directory, { recursive: true });
});

const fs: Fs = {
  ...nodeFs,
  async open(path, access, caching) {
    if (path.endsWith(".bytes")) opened.push(`${access} ${caching}`);
    if (path.endsWith(".manifest") && access === "create") await mayWrite();
    return nodeFs.open(path, access, caching);
  },
};

async function start(reads?: "verified"): Promise<void> {
  storage = await createDiskStorage({ directory, fs });
  server = await startTestServer({ parts: { storage, metadata: createMemoryMetadata(), reads } });
}

interface Brought extends FileView {
  /** Where its bytes are, and its manifest. */
  readonly bytes: string;
  readonly manifest: string;
  readonly text: Buffer;
}

async function bring(name = "a"): Promise<Brought> {
  const before = new Set(await readdir(directory));
  const answer = await ask(server, {
    ...{ method: "POST", path: "/v1/files", body: CONTENT },
    headers: { "content-disposition": `attachment; filename=${name}` },
  });
  expect(answer.status).toBe(201);
  const made = (await readdir(directory)).filter((one) => !before.has(one));
  const pathOf = (kind: string) => join(directory, made.find((one) => one.endsWith(kind)) ?? "");
  const manifest = pathOf(".manifest");
  const text = await readFile(manifest);
  return { ...decodeFile(answer.json), bytes: pathOf(".bytes"), manifest, text };
}

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  await file.close();
}

const askFor = (path: string) => ask(server, { path });
const manifestOf = ({ url }: FileView) => askFor(`${url}/manifest`);
const proofOf = ({ url }: FileView) => askFor(`${url}/manifest?proof=1`);
const contentOf = ({ url }: FileView) => askFor(url);
const logged = (event: string) => server.logged.filter((one) => one.event === event);
/** Then the next one may begin. */
async function untilTried(event: "manifest.healed" | "manifest.not-healed", times = 1) {
  await expect.poll(() => logged(event).length, PATIENT).toBe(times);
  server.clock.advance(10_000);
}

async function expectMended(file: Brought): Promise<void> {
  const { status, bytes } = await manifestOf(file);
  expect([status, bytes.equals(file.text)]).toEqual([200, true]);
  expect((await readFile(file.manifest)).equals(file.text)).toBe(true);
}

describe("a manifest of which a digest is wrong", () => {
  it.each([
    ["asks for it", manifestOf, undefined],
    ["asks for a proof", proofOf, undefined],
    ["asks for bytes that are checked", contentOf, "verified" as const],
  ])("is refused to who %s, and made anew from the file's own bytes", async (_, who, reads) => {
    await start(reads);
    const file = await bring();
    await flip(file.manifest, IN_DIGESTS);
    const { status, json } = await who(file);
    expect([status, json["code"]]).toEqual([503, "storage_failed"]);
    await untilTried("manifest.healed");
    await expectMended(file);
    expect((await who(file)).status).toBe(200);
    const fields = { file: file.id, by: file.id };
    expect(logged("manifest.bad").length).toBe(1);
    expect(logged("manifest.healed")).toMatchObject([{ level: "warn", fields }]);
  });

  it("is made anew once, however many ask", async () => {
    await start();
    const file = await bring();
    await flip(file.manifest, IN_DIGESTS);
    const answers = await Promise.all(Array.from({ length: 10 }, () => manifestOf(file)));
    // Who comes late may find it mended.
    expect(answers.some(({ status }) => status === 503)).toBe(true);
    await untilTried("manifest.healed");
    expect(logged("manifest.bad").length).toBe(1);
    await expectMended(file);
  });

  it("waits for the same file where a part is bad too, and then tells which", async () => {
    await start();
    const file = await bring();
    await flip(file.manifest, IN_DIGESTS);
    await flip(file.bytes, MIB + 5);
    expect((await manifestOf(file)).status).toBe(503);
    await untilTried("manifest.not-healed");
    // All of it is read once an hour at most, whoever asks: now that would help.
    await flip(file.bytes, MIB + 5);
    expect((await manifestOf(file)).status).toBe(503);
    await untilTried("manifest.not-healed", 2);
    await flip(file.bytes, MIB + 5);
    const twin = await bring("b");
    expect((await manifestOf(file)).status).toBe(503);
    await untilTried("manifest.healed");
    expect(logged("manifest.healed")).toMatchObject([{ fields: { file: file.id, by: twin.id } }]);
    await expectMended(file);
    const verify = { headers: { "holdfast-verify": "?1", range: `bytes=${MIB}-` } };
    const { json } = await ask(server, { path: file.url, ...verify });
    expect(json).toMatchObject({ code: "part_damaged", index: 1 });
  });
});

it("a file whose manifest is made anew is read by way of the page cache, as it was before", async () => {
  await start();
  const file = await bring();
  await flip(file.manifest, IN_DIGESTS);
  expect((await manifestOf(file)).status).toBe(503);
  await untilTried("manifest.healed");
  opened = [];
  expect((await contentOf(file)).status).toBe(200);
  expect(opened).toEqual(["read cached"]);
});

it.each([
  [
    "rotted where nothing else has it",
    (file: Brought) => flip(file.manifest, file.text.length - 9),
  ],
  ["cut", (file: Brought) => truncate(file.manifest, 100)],
  ["gone", (file: Brought) => unlink(file.manifest)],
])("a manifest that is %s stays refused, and nothing is written there", async (_, spoil) => {
  await start();
  const file = await bring();
  await spoil(file);
  const before = await readFile(file.manifest).catch(() => undefined);
  expect((await manifestOf(file)).status).toBe(503);
  await untilTried("manifest.not-healed");
  expect((await manifestOf(file)).status).toBe(503);
  expect(await readFile(file.manifest).catch(() => undefined)).toEqual(before);
  expect((await contentOf(file)).bytes.equals(CONTENT)).toBe(true);
});

it("a file that is deleted while its manifest is made anew leaves nothing", async () => {
  await start();
  const file = await bring();
  await flip(file.manifest, IN_DIGESTS);
  const { promise, resolve } = Promise.withResolvers<void>();
  let isAsked = false;
  mayWrite = () => {
    isAsked = true;
    return promise;
  };
  expect((await manifestOf(file)).status).toBe(503);
  await expect.poll(() => isAsked, PATIENT).toBe(true);
  const deleting = ask(server, { method: "DELETE", path: file.url });
  await expect.poll(async () => (await manifestOf(file)).status, PATIENT).toBe(404);
  // Who did not wait would be done by then.
  await Promise.race([deleting, pause(200)]);
  resolve();
  expect((await deleting).status).toBe(204);
  await server.engine.drain(0);
  expect((await readdir(directory)).filter((name) => /\.(bytes|manifest)$/.test(name))).toEqual([]);
});
