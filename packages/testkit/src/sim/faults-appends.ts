// One upload that is filled by random appends and part PUTs while the disk fails and the server crashes: it never goes back behind what was told, and can always be completed.
import { hasPart, KIB, type UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import {
  alice,
  appendBytes,
  createRequest,
  partDigests,
  putParts,
  readAll,
  readDigests,
  sha256,
} from "../world.ts";
import { type FaultyWorld, pick, playFaults, type Say, turns } from "./faults-world.ts";

const PART = 256 * KIB;
/** Three whole parts, and a last one whose end is no multiple of a block. */
const content: Uint8Array = createRandom("faults/content").bytes(3 * PART + 70_001);
const PARTS = 4;
const SIZES = [0, 1, 4095, 4096, 5000, PART - 1, PART, PART + 1, 2 * PART, content.length];
const STEPS = 14;
/** Longer than a server waits before it looks again at what failed. */
const REST_MS = 6000;
/** What a server may answer that has just met a fault. */
const IN_TROUBLE: readonly string[] = ["recovering", "storage_failed", "storage_full"];

/** What clients know of the upload. */
interface Known {
  readonly view: UploadView;
  /** Offset. */
  told: number;
  readonly acknowledged: Set<number>;
}

/** Something that clients do, where `at` is where they believe the upload to end. */
type Act = (world: FaultyWorld, known: Known, at: number) => Promise<void>;

export function faultyAppends(seed: number, say?: Say): Promise<readonly string[]> {
  return playFaults(seed, play, say);
}

async function play(world: FaultyWorld): Promise<void> {
  const { random, wrong } = world;
  const known = await begin(world);
  for (let step = 0; step < STEPS && wrong.length === 0; step++) {
    world.failAtRate(random.chance(1 / 3) ? 0 : 1 + random.whole(25));
    const at = (await ask(world, known)) ?? known.told;
    await pick(random, ACTS)(world, known, at);
    const record = await world.metadata().upload(known.view.id);
    if (record?.state === "failed") wrong.push(`the upload has failed: ${record.error?.detail}`);
  }
  world.failAtRate(0);
  if (world.isStuck()) await world.crash();
  for (let time = 0; time < 5; time++) await rest(world);
  if (wrong.length === 0) await finish(world, known);
}

async function begin({ random, engine }: FaultyWorld): Promise<Known> {
  const { size: _, ...request } = createRequest(0);
  const size = random.chance(0.5) ? { size: content.length } : { maxSize: 8 * PART };
  const view = await engine().create(alice, { ...request, ...size });
  return { view: { ...view, size: content.length }, told: 0, acknowledged: new Set() };
}

/** Asks where the upload ends, and holds the answer against what was told before. */
async function ask({ engine, settle, wrong, say }: FaultyWorld, known: Known) {
  const asked = await settle(engine().offset(alice, known.view.id));
  if (asked.kind === "refused") {
    const { code } = asked.error;
    if (!IN_TROUBLE.includes(code)) wrong.push(`asked for the offset: ${code}`);
    return undefined;
  }
  const { offset } = asked.value;
  say(`offset ${offset}`);
  if (offset < known.told) wrong.push(`offset ${known.told} was told, and now it is ${offset}`);
  known.told = offset;
  return offset;
}

const append: Act = async ({ random, engine, settle, wrong, say }, known, at) => {
  const size = pick(random, SIZES);
  const piece = content.subarray(at, at + size);
  const isLast = at + size >= content.length;
  const digest = random.chance(1 / 4) ? { digest: sha256(piece) } : {};
  const sent = await settle(appendBytes(engine(), known.view, at, piece, { ...digest, isLast }));
  say(`append ${piece.length} at ${at}: ${sent.kind}`);
  if (sent.kind === "refused") return;
  if (sent.value.offset < at + piece.length) wrong.push("an append was told of less than it sent");
  known.told = Math.max(known.told, sent.value.offset);
};

/** Longer than a group of parts stays open: what comes of a body by then is committed before the rest of it. */
const GROUP_MS = 60;

/** A body that comes in pieces, with a commit between every two of them, as in one of many megabytes. */
const appendSlowly: Act = async ({ clock, random, engine, settle, say }, known, at) => {
  const body = createBody();
  const end = Math.min(content.length, at + 2 * PART);
  const sent = settle(appendBytes(engine(), known.view, at, content.subarray(at, end), { body }));
  for (let from = at; from < end; ) {
    const size = 1 + random.whole(PART);
    body.push(content.subarray(from, Math.min(end, from + size)));
    from += size;
    await turns(5);
    clock.advance(GROUP_MS);
    await turns(15);
  }
  body.end();
  const told = await sent;
  say(`slow append at ${at}: ${told.kind}`);
  if (told.kind === "done") known.told = Math.max(known.told, told.value.offset);
};

const put: Act = async ({ random, engine, settle, say }, known) => {
  const index = random.whole(PARTS);
  const sent = await settle(putParts(engine(), known.view, content, [index, index + 1]));
  say(`part ${index}: ${sent.kind}`);
  if (sent.kind === "done") known.acknowledged.add(index);
};

/** An append whose sender falls silent; somebody asks for the offset, which cuts it, or the connection ends. */
const cutAppend: Act = async (world, known, at) => {
  const { random, engine, settle, say } = world;
  const body = createBody();
  const lost = appendBytes(engine(), known.view, at, content, { body });
  // It may well be refused before anybody waits for it.
  lost.catch(() => undefined);
  body.push(content.subarray(at, at + random.whole(2 * PART)));
  await turns(random.whole(30));
  if (random.chance(0.5)) await ask(world, known);
  else body.end();
  say(`cut append at ${at}: ${(await settle(lost)).kind}`);
};

/** Refused as long as bytes are missing, and never harmful. */
const complete: Act = async ({ engine, settle, say }, { view }) => {
  const done = await settle(engine().complete(alice, view.id, { size: content.length }));
  say(`complete: ${done.kind}`);
};

const crash: Act = async (world, known, at) => {
  const { random, engine } = world;
  if (random.chance(0.5)) {
    const piece = content.subarray(at, at + random.whole(2 * PART));
    // What is told counts, even in the last moment before the crash.
    appendBytes(engine(), known.view, at, piece).then(
      ({ offset }) => {
        known.told = Math.max(known.told, offset);
      },
      () => undefined,
    );
    await turns(random.whole(40));
  }
  await world.crash();
};

const rest = async ({ clock }: FaultyWorld): Promise<void> => {
  clock.advance(REST_MS);
  await turns(30);
};

const ACTS: readonly Act[] = [
  ...[append, append, append, append, appendSlowly, appendSlowly, put, put],
  ...[cutAppend, complete, crash, crash, rest],
];

/** With a healthy disk the upload goes on where it says it ends, and its file is what was sent. */
async function finish(world: FaultyWorld, known: Known): Promise<void> {
  const { engine, settle, wrong } = world;
  const { view, acknowledged } = known;
  const before = await engine().status(alice, view.id);
  for (const index of acknowledged) {
    if (!hasPart(before.committed, index)) wrong.push(`part ${index} was acknowledged and is gone`);
  }
  const at = await ask(world, known);
  if (at === undefined) {
    wrong.push("nobody can say where the upload ends");
    return;
  }
  const rest = content.subarray(at);
  const last = await settle(appendBytes(engine(), view, at, rest, { isLast: true }));
  if (last.kind === "refused") wrong.push(`cannot be finished: ${last.error.code}`);
  const done = await engine().status(alice, view.id);
  if (done.state !== "complete") {
    wrong.push(`the upload is ${done.state}`);
    return;
  }
  const digests = Buffer.concat(partDigests(view, content));
  if (!digests.equals(await readDigests(engine(), view))) wrong.push("the digests are wrong");
  if (!Buffer.from(await readAll(engine(), done)).equals(content)) {
    wrong.push("the published bytes are wrong");
  }
}
