// Whole files, under keys and without, sent, sent again and deleted while the disk fails and the server crashes: what is listed is whole and was sent, once; what was answered stays.
import { type FileId, HoldfastError, KIB, type ListedFile } from "@holdfast/protocol";
import { createBody, type ScriptedBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { alice, readManifest, sha256 } from "../world.ts";
import {
  type FaultyWorld,
  type Outcome,
  pick,
  playFaults,
  type Say,
  turns,
} from "./faults-world.ts";

const PART = 256 * KIB;
const content: Uint8Array = createRandom("faults/content").bytes(3 * PART + 70_001);
const SIZES = [0, 1, 5000, 70_000, PART, PART + 1, 2 * PART, content.length];
/** Each is its own key. One comes without a length. */
const NAMES = ["k0", "k1", "k2"];
const CHUNKED = "k1";
const STEPS = 14;
const DAY_MS = 24 * 3600 * 1000;

interface Known {
  readonly bytes: Uint8Array;
  /** Of the file, once somebody was told. */
  readonly id: FileId | undefined;
}

type Files = Map<string, Known>;

/** One request. */
interface Request {
  readonly name: string;
  /** Without one it cannot be sent again. */
  readonly key?: string;
  readonly isChunked: boolean;
  readonly bytes: Uint8Array;
  /** The connection is cut after so many of them. */
  readonly cut: number | undefined;
}

type Act = (world: FaultyWorld, files: Files, request: Request) => Promise<void>;

export function faultyFiles(seed: number, say?: Say): Promise<readonly string[]> {
  return playFaults(seed, play, say);
}

async function play(world: FaultyWorld): Promise<void> {
  const { random, wrong } = world;
  const files: Files = new Map();
  for (let step = 0; step < STEPS && wrong.length === 0; step++) {
    world.failAtRate(random.chance(1 / 3) ? 0 : 1 + random.whole(15));
    await pick(random, ACTS)(world, files, requestOf(world, files));
    world.failAtRate(0);
    await turns(20);
    await look(world, files);
  }
  if (world.isStuck()) {
    await world.crash();
    await look(world, files);
  }
  if (wrong.length === 0) await clear(world);
}

/** Mostly what was sent under the name before, now and then as many other bytes, now and then not all of them. */
function requestOf({ random }: FaultyWorld, files: Files): Request {
  const name = pick(random, NAMES);
  const known = files.get(name) ?? {
    bytes: content.subarray(0, pick(random, SIZES)),
    id: undefined,
  };
  files.set(name, known);
  const bytes = random.chance(1 / 4) ? otherBytes(known.bytes) : known.bytes;
  return { name, key: name, isChunked: name === CHUNKED, bytes, cut: cutOf(random, bytes) };
}

/** Under a name that no other has, and mostly small. */
function onceOf({ random }: FaultyWorld, files: Files): Request {
  const name = `once ${random.whole(2 ** 32)}`;
  const start = random.whole(1000);
  const size = random.chance(3 / 4) ? random.whole(PART + 1) : pick(random, SIZES);
  const bytes = content.subarray(start, start + size);
  files.set(name, { bytes, id: undefined });
  return { name, isChunked: random.chance(1 / 4), bytes, cut: cutOf(random, bytes) };
}

function cutOf(random: FaultyWorld["random"], { length }: Uint8Array): number | undefined {
  return random.chance(1 / 3) ? random.whole(length + 1) : undefined;
}

function otherBytes(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte ^ 1);
}

function store({ random, engine }: FaultyWorld, request: Request): Promise<ListedFile> {
  const { name, key, isChunked, bytes } = request;
  return engine().storeFile(alice, {
    name,
    type: "a/b",
    body: bodyOf(request),
    ...(key === undefined ? {} : { key }),
    ...(isChunked ? {} : { bodySize: bytes.length }),
    ...(random.chance(0.5) ? { digest: sha256(bytes) } : {}),
  });
}

function bodyOf({ isChunked, bytes, cut }: Request): ScriptedBody {
  const body = createBody(undefined, { isExact: !isChunked });
  body.push(bytes.subarray(0, cut ?? bytes.length));
  body.end();
  if (cut === undefined) return body;
  // The bytes before the cut have come: only who asks why it ended learns that more was to come.
  const why = new HoldfastError("body_size_mismatch");
  return { ...body, stopped: () => why };
}

function note({ wrong }: FaultyWorld, files: Files, request: Request, { id }: ListedFile): void {
  const { name, bytes, cut } = request;
  const known = files.get(name);
  if (cut !== undefined) wrong.push(`${name} was stored though it was cut`);
  if (known?.id && known.id !== id) wrong.push(`${name} is another file when sent again`);
  if (known?.id && !Buffer.from(known.bytes).equals(bytes)) {
    wrong.push(`${name} was answered for other bytes under its key`);
  }
  files.set(name, { bytes, id });
}

function hear(
  world: FaultyWorld,
  files: Files,
  request: Request,
  outcome: Outcome<ListedFile>,
): void {
  const { name, bytes, cut } = request;
  const told = outcome.kind === "done" ? outcome.value.id : outcome.error.code;
  world.say(`${name} of ${bytes.length}, cut at ${cut}: ${told}`);
  if (outcome.kind === "done") note(world, files, request, outcome.value);
}

const send: Act = async (world, files, request) => {
  hear(world, files, request, await world.settle(store(world, request)));
};

const sendTwice: Act = async (world, files, request) => {
  const both = [0, 1].map(() => world.settle(store(world, request)));
  for (const outcome of await Promise.all(both)) hear(world, files, request, outcome);
};

const sendOnce: Act = (world, files) => sendAlone(world, files);

/** Names that share a flush of the directory, or wait for the one before theirs. */
const sendSeveral: Act = async (world, files) => {
  await Promise.all([0, 1, 2].map(() => sendAlone(world, files)));
};

/** What is refused is never listed: it is forgotten here, so that it would be found to be nothing that was sent. */
async function sendAlone(world: FaultyWorld, files: Files): Promise<void> {
  const request = onceOf(world, files);
  const outcome = await world.settle(store(world, request));
  if (outcome.kind === "refused") files.delete(request.name);
  hear(world, files, request, outcome);
}

/** A deletion that failed has happened or not, and stays so. */
const remove: Act = async ({ engine, settle, say, random, failAtRate }, files) => {
  const name = pick(random, [...files.keys()]);
  const known = files.get(name);
  if (!known?.id) return;
  const deleted = await settle(engine().deleteFile(alice, known.id));
  say(`delete ${name}: ${deleted.kind}`);
  failAtRate(0);
  const isThere = (await list(engine())).some(({ id }) => id === known.id);
  if (deleted.kind === "done" || !isThere) files.delete(name);
};

const crash: Act = async (world, files, request) => {
  // What is told counts, even in the last moment before the crash.
  store(world, request).then(
    (file) => note(world, files, request, file),
    () => undefined,
  );
  await turns(world.random.whole(40));
  await world.crash();
};

const crashOnce: Act = (world, files) => crash(world, files, onceOf(world, files));

const ACTS: readonly Act[] = [
  ...[send, send, send, send, send, send],
  ...[sendOnce, sendOnce, sendOnce, sendSeveral, sendSeveral],
  ...[sendTwice, remove, remove, crash, crash, crashOnce],
];

/** Everything that is listed can be read, is whole, and is there once; everything that was answered is listed. */
async function look({ engine, wrong }: FaultyWorld, files: Files): Promise<void> {
  const listed = await list(engine());
  for (const { id, name } of listed) {
    const bytes = await readFile(engine(), id);
    const known = files.get(name);
    if (known && isOneOf(bytes, known)) files.set(name, { bytes, id: known.id ?? id });
    else wrong.push(`${name} is listed and is not what was sent`);
  }
  for (const [name, { id }] of files) {
    if (id && !listed.some((file) => file.id === id)) wrong.push(`${name} was stored and is gone`);
  }
  const names = listed.map(({ name }) => name);
  if (new Set(names).size !== names.length) wrong.push(`more than one of ${names}`);
}

/** Until somebody is told, a key may stand for either of the contents that were sent under it. */
function isOneOf(bytes: Uint8Array, { bytes: sent, id }: Known): boolean {
  const stored = Buffer.from(bytes);
  return stored.equals(sent) || (!id && stored.equals(otherBytes(sent)));
}

async function list(engine: ReturnType<FaultyWorld["engine"]>): Promise<readonly ListedFile[]> {
  return (await engine.files(alice, { limit: 99 })).files;
}

/** Its bytes; its manifest must be there too. */
async function readFile(
  engine: ReturnType<FaultyWorld["engine"]>,
  id: FileId,
): Promise<Uint8Array> {
  const file = await engine.file(alice, id);
  await readManifest(engine, file);
  const pieces: Uint8Array[] = [];
  for await (const piece of engine.read(file, { start: 0, end: file.size })) {
    pieces.push(piece.slice());
  }
  return Buffer.concat(pieces);
}

/** Once every file is deleted and every time limit is over, nothing is left. */
async function clear({ engine, metadata, disk, clock, lives, settle, wrong }: FaultyWorld) {
  for (const { id } of await list(engine())) await engine().deleteFile(alice, id);
  for (let day = 0; day < 4; day++) {
    clock.advance(DAY_MS + 1);
    await turns(30);
    const swept = await settle(engine().sweep("server", { isDryRun: false }));
    if (swept.kind === "refused" || swept.value.failed > 0) wrong.push("a sweep failed");
  }
  const { size } = metadata().snapshot().uploads;
  if (size > 0) wrong.push(`${size} records are left`);
  const names = disk()
    .names()
    .filter((name) => !name.endsWith("probe.tmp"));
  // A power loss may bring back a name that was removed, and nobody looks for those yet.
  if (lives() === 1 && names.length > 0) wrong.push(`left on the disk: ${names}`);
}
