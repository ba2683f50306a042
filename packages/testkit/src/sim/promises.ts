// What must hold on every image that a crash may leave, whatever the moment: the promises, as a function of what clients had been told.
import {
  type FileId,
  hasPart,
  type ListedFile,
  missingRanges,
  partCount,
  partOffset,
  partSizeAt,
  type UploadId,
  type UploadView,
} from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { sameBytes } from "../same-bytes.ts";
import { alice, appendBytes, putParts, readAll } from "../world.ts";
import { BYTES_DIRECTORY, beginLife, type Life, type Remains } from "./life.ts";

/** What the server had answered before the crash. */
export interface Seen {
  readonly created: { readonly view: UploadView; readonly content: Uint8Array }[];
  readonly acknowledged: Map<UploadId, Set<number>>;
  readonly completed: Set<UploadId>;
  readonly aborted: Set<UploadId>;
  /** Offsets. */
  readonly told: Map<UploadId, number>;
  /** What was sent as whole files, by name, and which of them were answered. */
  readonly sent: Map<string, SentFile>;
  readonly stored: Map<string, FileId>;
}

export interface SentFile {
  readonly bytes: Uint8Array;
  readonly key?: string;
}

/** Sends a whole file, once or once more. */
export function sendFile(
  { engine }: Life,
  name: string,
  { bytes, key }: SentFile,
): Promise<ListedFile> {
  const command = { name, type: "a/b", body: createBody(bytes), bodySize: bytes.length };
  return engine.storeFile(alice, { ...command, ...(key ? { key } : {}) });
}

export function emptySeen(): Seen {
  return {
    created: [],
    acknowledged: new Map(),
    completed: new Set(),
    aborted: new Set(),
    told: new Map(),
    sent: new Map(),
    stored: new Map(),
  };
}

/** Starts a server on the image, lets it recover, and says what is wrong; at the end every upload that is still open must be able to go on and complete. */
export async function violationsIn(remains: Remains, seen: Seen): Promise<string[]> {
  const life = await beginLife(remains, "after");
  await life.engine.recover();
  const wrong: string[] = [];
  for (const [number, { view, content }] of seen.created.entries()) {
    const found = await violationsOf(life, view, seen, content).catch((error: unknown) => [
      String(error),
    ]);
    wrong.push(...found.map((text) => `upload ${number}: ${text}`));
  }
  wrong.push(...(await fileViolations(life, seen)));
  const then = { ...seen, stored: new Map(seen.stored) };
  const again = await sendAgain(life, then);
  return [...wrong, ...again, ...(await fileViolations(life, then))];
}

/** What has a key is sent again, as a client does that heard nothing: it is the file that it was, or becomes one, and is noted. */
async function sendAgain(life: Life, { sent, stored }: Seen): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, file] of sent) {
    if (!file.key) continue;
    try {
      const { id } = await sendFile(life, name, file);
      if ((stored.get(name) ?? id) !== id)
        wrong.push(`file ${name} is another one when sent again`);
      stored.set(name, id);
    } catch (error) {
      wrong.push(`file ${name} cannot be sent again: ${error}`);
    }
  }
  return wrong;
}

/** A whole file is there once it was answered, and whole or not at all before. */
async function fileViolations({ engine }: Life, { sent, stored }: Seen): Promise<string[]> {
  const wrong: string[] = [];
  const { files } = sent.size > 0 ? await engine.files(alice, { limit: 100 }) : { files: [] };
  for (const [name, id] of stored) {
    if (!files.some((file) => file.id === id)) wrong.push(`file ${name} was stored and is gone`);
  }
  for (const { id, name } of files) {
    const file = await engine.file(alice, id);
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of engine.read(file, { start: 0, end: file.size })) {
        pieces.push(piece.slice());
      }
      for await (const _ of await engine.manifest(file));
    } catch (error) {
      wrong.push(`file ${name}: ${error}`);
    }
    const bytes = sent.get(name)?.bytes ?? new Uint8Array();
    if (!sameBytes(Buffer.concat(pieces), bytes)) wrong.push(`file ${name} is wrong`);
  }
  const names = files.map(({ name }) => name);
  if (new Set(names).size !== names.length) wrong.push(`more than one of ${names}`);
  return wrong;
}

async function violationsOf(
  life: Life,
  { id }: UploadView,
  seen: Seen,
  content: Uint8Array,
): Promise<string[]> {
  const { engine } = life;
  const view = await engine.status(alice, id);
  const wrong: string[] = [];
  if (seen.completed.has(id) && view.state !== "complete")
    wrong.push(`completed, and now ${view.state}`);
  if (seen.aborted.has(id) && view.state !== "aborted")
    wrong.push(`aborted, and now ${view.state}`);
  if (view.state === "aborted") return [...wrong, ...leftovers(life, id)];
  for (const index of seen.acknowledged.get(id) ?? []) {
    if (!hasPart(view.committed, index)) wrong.push(`part ${index} was acknowledged and is gone`);
  }
  for (let index = 0; index < partCount(view); index++) {
    if (hasPart(view.committed, index) && !(await isStored(life, view, index, content))) {
      wrong.push(`part ${index} is committed and its bytes are not there`);
    }
  }
  const told = seen.told.get(id);
  if (told !== undefined && view.state !== "complete" && view.offset < told) {
    wrong.push(`offset ${told} was told, and now it is ${view.offset}`);
  }
  if (view.state !== "complete" && told === undefined && view.hasSize) {
    await finish(life, view, content);
  } else if (view.state !== "complete") await finishInOrder(life, id, content);
  return [...wrong, ...(await publishedWrongly(life, id, content))];
}

/** An aborted upload leaves no file behind. */
function leftovers({ disk }: Life, id: UploadId): string[] {
  return disk
    .names()
    .filter((name) => name.startsWith(`${BYTES_DIRECTORY}/${id}`))
    .map((name) => `${name} is left`);
}

/** Looks past the engine at the medium itself. */
async function isStored(
  { disk }: Life,
  view: UploadView,
  index: number,
  content: Uint8Array,
): Promise<boolean> {
  const stored = await readFile(disk, `${BYTES_DIRECTORY}/${view.id}.bytes`);
  const at = partOffset(view, index);
  const end = at + partSizeAt(view, index);
  return sameBytes(stored.subarray(at, end), content.subarray(at, end));
}

async function readFile(disk: Life["disk"], path: string): Promise<Uint8Array> {
  const file = await disk.open(path, "read", "cached");
  const bytes = new Uint8Array(await file.size());
  await file.pread(bytes, 0, bytes.length, 0);
  await file.close();
  return bytes;
}

/** Goes on where it stopped, as a client does. */
async function finish({ engine }: Life, view: UploadView, content: Uint8Array): Promise<void> {
  for (const run of missingRanges(view.committed)) await putParts(engine, view, content, run);
  await engine.complete(alice, view.id, {});
}

/** The same in order, as a client does that knows offsets only. */
async function finishInOrder({ engine }: Life, id: UploadId, content: Uint8Array): Promise<void> {
  const { offset } = await engine.offset(alice, id);
  await appendBytes(engine, { id }, offset, content.subarray(offset), { isLast: true });
}

async function publishedWrongly(life: Life, id: UploadId, content: Uint8Array): Promise<string[]> {
  const { engine, disk } = life;
  const view = await engine.status(alice, id);
  if (view.state !== "complete") return [`cannot be completed: ${view.state}`];
  const wrong: string[] = [];
  const bytes = await readAll(engine, view);
  if (!sameBytes(bytes, content)) wrong.push("the published bytes are wrong");
  const stored = await readFile(disk, `${BYTES_DIRECTORY}/${id}.bytes`);
  if (stored.length !== content.length)
    wrong.push(`the published file has ${stored.length} bytes on the disk`);
  await engine.manifest(await engine.file(alice, view.file?.id ?? ""));
  return wrong;
}
