// What clients do in a simulated life. What a client was told is noted as it is told.
import { KIB, type PartRange, type UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { alice, createRequest, putParts, runBytes, sha256 } from "../world.ts";
import { appendsOf } from "./append-work.ts";
import type { Life } from "./life.ts";
import { type Seen, sendFile } from "./promises.ts";

const PART = 256 * KIB;
/** Two whole parts, and a last one whose end is no multiple of a block. */
const content: Uint8Array = createRandom("crash/content").bytes(2 * PART + 5000);
const { append, cutAppend } = appendsOf(content);

export type Workload = (life: Life, seen: Seen) => Promise<void>;

/** One upload from create to complete with two runs at once, and one that is aborted: what a client was told is noted as it is told. */
const parts: Workload = async (life, seen) => {
  const { engine } = life;
  const [kept, dropped] = await Promise.all([create(life, seen), create(life, seen)]);
  await Promise.all([
    put(life, seen, kept, [0, 2]),
    takeOver(life, seen, kept, [2, 3]),
    put(life, seen, dropped, [1, 3]),
  ]);
  await Promise.all([
    engine.complete(alice, kept.id, {}).then(() => seen.completed.add(kept.id)),
    engine.abort(alice, dropped.id).then(() => {
      seen.aborted.add(dropped.id);
    }),
  ]);
};

async function create({ engine }: Life, seen: Seen): Promise<UploadView> {
  const view = await engine.create(alice, createRequest(content.length));
  seen.created.push({ view, content });
  return view;
}

async function put({ engine }: Life, seen: Seen, view: UploadView, run: PartRange): Promise<void> {
  await putParts(engine, view, content, run);
  noteParts(seen, view, run);
}

function noteParts(seen: Seen, view: UploadView, run: PartRange): void {
  const parts = seen.acknowledged.get(view.id) ?? new Set();
  for (let index = run[0]; index < run[1]; index++) parts.add(index);
  seen.acknowledged.set(view.id, parts);
}

/** A request brings wrong bytes and stays; the same transfer sends the right ones. What the first has issued must never land on what the second commits. */
async function takeOver(life: Life, seen: Seen, view: UploadView, run: PartRange): Promise<void> {
  const stale = createBody();
  stale.push(new Uint8Array(runBytes(view, content, run).length));
  const first = putParts(life.engine, view, content, run, { body: stale, transfer: "transfer-1" });
  const lost = first.catch(() => undefined);
  // Lets the first take its bytes and issue its write; the disk has not taken that yet.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await putParts(life.engine, view, content, run, { transfer: "transfer-1" });
  noteParts(seen, view, run);
  await lost;
}

/** Two uploads of unknown size, filled in order: cut by whoever asks for the offset, with a part put over a tail, ended by a last append and by complete. */
const appends: Workload = async (life, seen) => {
  const { engine } = life;
  const [first, second] = [
    await createUnsized(life, seen, content),
    await createUnsized(life, seen, content.subarray(0, 4097)),
  ];
  await append(life, seen, first, 0, 5001);
  await append(life, seen, first, 5001, 9000, { digest: sha256(content.subarray(5001, 9000)) });
  await Promise.all([
    cutAppend(life, seen, first, 9000, PART + 100),
    append(life, seen, second, 0, 4097),
  ]);
  await put(life, seen, first, [1, 2]);
  await append(life, seen, first, 2 * PART, content.length, { isLast: true });
  seen.completed.add(first.id);
  await engine.complete(alice, second.id, { size: 4097 });
  seen.completed.add(second.id);
};

async function createUnsized({ engine }: Life, seen: Seen, all: Uint8Array): Promise<UploadView> {
  const { size: _, ...request } = createRequest(0);
  const view = await engine.create(alice, { ...request, maxSize: 8 * PART });
  seen.created.push({ view, content: all });
  return view;
}

/** Whole files in one request: one that fits a slot, one under a key that does not, one under a key that is sent twice. */
const files: Workload = async (life, seen) => {
  const store = async (name: string, bytes: Uint8Array, key?: string): Promise<void> => {
    const file = { bytes, ...(key ? { key } : {}) };
    seen.sent.set(name, file);
    const { id } = await sendFile(life, name, file);
    seen.stored.set(name, id);
  };
  await Promise.all([
    store("small", content.subarray(0, 5000)),
    store("large", content.subarray(0, PART + 5000), "key-2"),
    store("key", content.subarray(0, 70_000), "key-1"),
  ]);
  await store("key", content.subarray(0, 70_000), "key-1");
};

export type LifeKind = "parts" | "appends" | "files";

export const WORK: Readonly<Record<LifeKind, Workload>> = { parts, appends, files };
