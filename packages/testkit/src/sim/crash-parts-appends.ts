// Crashes a server over a store of parts at every step of appends and of whole files, and of its recovery; then holds against what is left that no offset which was told
// is taken back, nothing wrong is published, and no tail is left that nobody wants.
import type { Body } from "@holdfast/engine";
import { HoldfastError, KIB, type UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { sameBytes } from "../same-bytes.ts";
import { alice, appendBytes, createRequest, putParts, readAll, sha256 } from "../world.ts";
import { appendsOf } from "./append-work.ts";
import { type CrashOptions, type CrashReport, crashEverywhere } from "./every-step.ts";
import {
  landLate,
  nothingYet,
  type PartsLife,
  type PartsRemains,
  partsLives,
  whileTimePasses,
} from "./parts-life.ts";
import { leftBehind, partViolations } from "./parts-promises.ts";

const PART = 256 * KIB;
const content: Uint8Array = createRandom("crash/store-appends").bytes(2 * PART + 5000);
const { append, cutAppend } = appendsOf(content);
/** A body with a digest, and what comes after it; and the same body as it arrives where its way is bad. */
const body = content.subarray(0, PART + 70);
const rest = content.subarray(PART + 70, PART + 4097);
const [bodyDigest, restDigest] = [sha256(body), sha256(rest)];
const spoilt = body.map((byte) => byte ^ 1);

/** What clients had been told. */
interface Seen {
  readonly created: { readonly view: UploadView; readonly content: Uint8Array }[];
  /** Offsets. */
  readonly told: Map<string, number>;
  readonly completed: Set<string>;
  readonly aborted: Set<string>;
  /** What was sent as whole files, by name, and what was answered. */
  readonly sent: Map<string, SentFile>;
  readonly stored: Map<string, string>;
}

interface SentFile {
  readonly bytes: Uint8Array;
  readonly key?: string;
  /** Whether their end alone tells how many bytes there are. */
  readonly isPiped?: boolean;
  readonly body?: Body;
}

export function simulatePartAppends(options: CrashOptions): Promise<CrashReport> {
  return crashEverywhere<Seen, PartsLife, PartsRemains>(
    {
      cycle: partsLives,
      start: nothingYet,
      seeNothing: () => ({
        created: [],
        told: new Map(),
        completed: new Set(),
        aborted: new Set(),
        sent: new Map(),
        stored: new Map(),
      }),
      work: (life, seen) => whileTimePasses(work(life, seen), life),
      violations: violationsIn,
    },
    options,
  );
}

/** Uploads of unknown size: one in many pieces, cut, with a part put over a tail; one in bodies with a digest; one that is aborted with a body in flight. And whole files. */
async function work(life: PartsLife, seen: Seen): Promise<void> {
  const [pieces, digested, dropped] = [
    await create(life, seen, content),
    await create(life, seen, content.subarray(0, PART + 4097)),
    await create(life, seen, content),
  ];
  await Promise.all([
    inPieces(life, seen, pieces),
    withDigests(life, seen, digested),
    drop(life, seen, dropped),
    store(life, seen, "small", { bytes: content.subarray(0, 5000) }),
    store(life, seen, "large", { bytes: content.subarray(0, PART + 5000), key: "key-2" }),
    store(life, seen, "key", { bytes: content.subarray(0, 70_000), key: "key-1" }),
    cutAndStore(life, seen, "piped", { bytes: content.subarray(0, 6000), key: "key-3" }),
  ]);
  await store(life, seen, "key", { bytes: content.subarray(0, 70_000), key: "key-1" });
}

async function create({ engine }: PartsLife, seen: Seen, all: Uint8Array): Promise<UploadView> {
  const { size: _, ...request } = createRequest(0);
  const view = await engine.create(alice, { ...request, maxSize: 8 * PART });
  seen.created.push({ view, content: all });
  return view;
}

async function inPieces(life: PartsLife, seen: Seen, view: UploadView): Promise<void> {
  const { engine } = life;
  // More than a tail has objects.
  for (let at = 0; at < 10; at++) await append(life, seen, view, at, at + 1);
  await append(life, seen, view, 10, 9000);
  await cutAppend(life, seen, view, 9000, PART + 100);
  await putParts(engine, view, content, [1, 2]);
  await append(life, seen, view, 2 * PART, content.length - 7);
  await append(life, seen, view, content.length - 7, content.length, { isLast: true });
  seen.completed.add(view.id);
}

/** Bytes that were spoilt on their way leave nothing behind; the right ones come after them. */
async function withDigests(life: PartsLife, seen: Seen, view: UploadView): Promise<void> {
  const { engine } = life;
  const end = body.length + rest.length;
  await appendBytes(engine, view, 0, spoilt, { digest: bodyDigest }).then(
    () => Promise.reject(new Error("bytes with another digest were taken")),
    () => undefined,
  );
  await append(life, seen, view, 0, body.length, { digest: bodyDigest });
  await append(life, seen, view, body.length, end, { digest: restDigest });
  await engine.complete(alice, view.id, { size: end });
  seen.completed.add(view.id);
}

async function drop(life: PartsLife, seen: Seen, view: UploadView): Promise<void> {
  await append(life, seen, view, 0, 777);
  const body = createBody();
  body.push(content.subarray(777, PART + 3));
  const lost = appendBytes(life.engine, view, 777, content, { body }).catch(() => undefined);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await life.engine.abort(alice, view.id);
  seen.aborted.add(view.id);
  await lost;
}

async function store(life: PartsLife, seen: Seen, name: string, file: SentFile): Promise<void> {
  seen.sent.set(name, file);
  seen.stored.set(name, await send(life, name, file));
}

/** All of its bytes come, and not their end; then they come again. */
async function cutAndStore(life: PartsLife, seen: Seen, name: string, file: SentFile) {
  const piped = { ...file, isPiped: true };
  seen.sent.set(name, piped);
  const stopped = () => new HoldfastError("body_size_mismatch");
  const body = { ...createBody(file.bytes), stopped };
  await send(life, name, { ...piped, body }).then(
    () => Promise.reject(new Error("a body that was cut was taken for whole")),
    () => undefined,
  );
  await store(life, seen, name, piped);
}

async function send({ engine }: PartsLife, name: string, sent: SentFile) {
  const { bytes, key, isPiped, body = createBody(bytes) } = sent;
  const command = { name, type: "a/b", body, ...(key ? { key } : {}) };
  const size = isPiped ? {} : { bodySize: bytes.length };
  const { id } = await engine.storeFile(alice, { ...command, ...size });
  return id;
}

async function violationsIn(remains: PartsRemains, seen: Seen): Promise<string[]> {
  const life = await partsLives.begin(remains, "after");
  landLate(life);
  await life.engine.recover();
  const wrong: string[] = [];
  for (const [number, { view, content }] of seen.created.entries()) {
    const checking = uploadViolations(life, view, seen, content);
    const found = await whileTimePasses(checking, life).catch((error: unknown) => [String(error)]);
    wrong.push(...found.map((text) => `upload ${number}: ${text}`));
  }
  wrong.push(...(await fileViolations(life, seen.sent, seen.stored)));
  const stored = new Map(seen.stored);
  for (const [name, file] of seen.sent) {
    if (!file.key) continue;
    const id = await whileTimePasses(send(life, name, file), life).catch(String);
    if ((stored.get(name) ?? id) !== id) wrong.push(`file ${name} is ${id} when sent again`);
    stored.set(name, id);
  }
  wrong.push(...(await fileViolations(life, seen.sent, stored)));
  return [...wrong, ...(await leftBehind(life))];
}

async function uploadViolations(
  life: PartsLife,
  { id }: UploadView,
  seen: Seen,
  content: Uint8Array,
): Promise<string[]> {
  const { engine } = life;
  const view = await engine.status(alice, id);
  const wrong: string[] = [];
  if (seen.aborted.has(id) && view.state !== "aborted") wrong.push(`aborted, now ${view.state}`);
  if (view.state === "aborted") return wrong;
  if (seen.completed.has(id) && view.state !== "complete") {
    wrong.push(`completed, and now ${view.state}`);
  }
  if (view.state === "open") {
    const told = seen.told.get(id) ?? 0;
    if (view.offset < told) wrong.push(`offset ${told} was told, and now it is ${view.offset}`);
    wrong.push(...(await partViolations(life, view, content)));
    const { offset } = await engine.offset(alice, id);
    const left = content.subarray(offset);
    const digest = left.length === 0 ? { digest: sha256(left) } : {};
    await appendBytes(engine, { id }, offset, left, { isLast: true, ...digest });
  }
  const done = await engine.status(alice, id);
  if (done.state !== "complete") return [...wrong, `cannot be completed: ${done.state}`];
  const isRight = sameBytes(await readAll(engine, done), content);
  return isRight ? wrong : [...wrong, "the published bytes are wrong"];
}

/** A whole file is there once it was answered, and whole or not at all before. */
async function fileViolations(
  { engine }: PartsLife,
  sent: Seen["sent"],
  stored: Seen["stored"],
): Promise<string[]> {
  const wrong: string[] = [];
  const { files } = await engine.files(alice, { limit: 100 });
  for (const [name, id] of stored) {
    if (!files.some((file) => file.id === id)) wrong.push(`file ${name} was stored and is gone`);
  }
  const named = files.filter(({ name }) => sent.has(name));
  if (new Set(named.map(({ name }) => name)).size !== named.length)
    wrong.push("a file is there twice");
  for (const { id, name } of named) {
    const bytes = sent.get(name)?.bytes ?? new Uint8Array();
    if (!sameBytes(await bytesOfFile(engine, id), bytes)) wrong.push(`file ${name} is wrong`);
  }
  return wrong;
}

async function bytesOfFile({ file, read }: PartsLife["engine"], id: string): Promise<Uint8Array> {
  const record = await file(alice, id);
  const pieces: Uint8Array[] = [];
  for await (const piece of read(record, { start: 0, end: record.size }))
    pieces.push(piece.slice());
  return new Uint8Array(Buffer.concat(pieces));
}
