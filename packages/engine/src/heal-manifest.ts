// A manifest whose stored bytes are bad is made anew. Nearly all of it is digests, which another file of the same bytes has, or the file's own bytes give once more; the rest is read where it lies. It is the manifest again where all of it has the digest that the file's record says.
import {
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  HoldfastError,
  MIB,
  manifestDigests,
  partCount,
} from "@holdfast/protocol";
import { type Context, doWork } from "./context.ts";
import { requireThere, storedDigest } from "./damage.ts";
import { isEnd, isTwin, LOOKED_AT_MAX } from "./heal-file.ts";
import { isManifestDamage, piecesOf, requireManifest } from "./manifest.ts";
import { alone } from "./mend.ts";
import { hashSubtrees } from "./proof.ts";
import type { FileRecord, UploadRecord } from "./records.ts";
import { isLost, joined, putManifest } from "./stored.ts";

/** What a process remembers of manifests that it has found bad. */
export interface ManifestMending {
  /** One of each at a time: it may have to read all of a file. */
  readonly running: Set<Lane>;
  /** When it was last tried, by `Clock.monotonic`, the latest at the end. */
  readonly tried: Map<FileRecord["id"], Tried>;
}

/** Nobody waits for hours behind a file of a terabyte but another one. */
type Lane = "large" | "small";
const LARGE: number = 4 * 1024 * MIB;

/** Moments from which it is tried again. */
interface Tried {
  readonly again: number;
  /** By the file's own bytes, after those were read in vain. */
  readonly own?: number;
}

/** Milliseconds between two looks for another file of the same bytes, which may have been uploaded since. */
const AGAIN_MS = 5_000;
/** And between two of what will not help any more: all of the file's own bytes, or digests that were right. */
const IN_VAIN_MS = 60 * 60 * 1000;
/** Files that are remembered so. */
const TRIED_MAX = 1_000;

/** Does what needs the manifest of a file. Where that is bad it is mended beside whoever has asked, who is told to come again later. */
export async function mendingManifest<T>(
  context: Context,
  file: FileRecord,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // One that stands in the record is the metadata store's to keep.
    if (isManifestDamage(error) && !file.manifest) begin(context, file);
    throw error;
  }
}

function begin(context: Context, file: FileRecord): void {
  const { manifests, clock, log } = context;
  const now = clock.monotonic();
  const tried = manifests.tried.get(file.id);
  const lane = file.size > LARGE ? "large" : "small";
  const { running } = manifests;
  if (running.has(lane) || context.isDraining || (tried && now < tried.again)) return;
  note(context, file, { ...tried, again: now + AGAIN_MS });
  const isOwnDue = tried?.own === undefined || now >= tried.own;
  running.add(lane);
  doWork(context, () => alone(context, file, () => mend(context, file, isOwnDue)))
    .catch((cause: unknown) => {
      if (!isEnd(cause)) log("error", "manifest.not-healed", { file: file.id, cause });
    })
    .finally(() => running.delete(lane));
}

function note({ manifests: { tried } }: Context, { id }: FileRecord, how: Tried): void {
  tried.delete(id);
  tried.set(id, how);
  for (const oldest of tried.keys()) {
    if (tried.size <= TRIED_MAX) break;
    tried.delete(oldest);
  }
}

async function mend(context: Context, file: FileRecord, isOwnDue: boolean): Promise<void> {
  const { log, digests, clock } = context;
  // One failure to read proves nothing.
  if (await isSoundManifest(context, file)) return;
  log("error", "manifest.bad", { file: file.id });
  const { head, end } = manifestDigests(file);
  const rest = await gathered(piecesOf(context, file, { start: end, end: file.manifestSize }));
  const found = await digestsOf(context, file, isOwnDue);
  const bytes = found && joined([utf8.encode(head), found.base64, rest]);
  if (!bytes || !equalBytes(digests.sha256(bytes), file.manifestDigest)) {
    // What failed on the way may pass, and is tried again soon; this will not.
    const now = clock.monotonic();
    const later = now + IN_VAIN_MS;
    if (found?.isProved) note(context, file, { again: later });
    else if (isOwnDue) note(context, file, { again: now + AGAIN_MS, own: later });
    log("error", "manifest.not-healed", { file: file.id });
    return;
  }
  await requireThere(context, file);
  // In its place, or under its own digest. What a crash leaves of that has no wrong byte that was right before.
  await putManifest(context, ownerOf(file), [bytes]);
  await requireKept(context, file);
  log("warn", "manifest.healed", { file: file.id, by: found.by });
}

function ownerOf({ uploadId: id, home }: FileRecord): Pick<UploadRecord, "id" | "home"> {
  return home === undefined ? { id } : { id, home };
}

async function isSoundManifest(context: Context, file: FileRecord): Promise<boolean> {
  try {
    await requireManifest(context, file);
    return true;
  } catch (error) {
    if (isManifestDamage(error)) return false;
    throw error;
  }
}

interface Digests {
  /** As they stand in the manifest. */
  readonly base64: Uint8Array;
  /** Whose they were. */
  readonly by: FileRecord["id"];
  /** Whether they have the file's root: no others are right. */
  readonly isProved: boolean;
}

/** The digests of the parts, whoever has them: the same root is of the same ones. Those that still stand there come first: what has rotted may be beside them, and nobody need read a file for that. */
async function digestsOf(
  context: Context,
  file: FileRecord,
  isOwnDue: boolean,
): Promise<Digests | undefined> {
  const newest = await context.metadata.files({ tenant: file.tenant, limit: LOOKED_AT_MAX });
  for (const one of [file, ...newest.filter((other) => isTwin(file, other))]) {
    const base64 = await provedDigests(context, one).catch(unlessBad);
    if (base64) return { base64, by: one.id, isProved: true };
  }
  const own = isOwnDue && (await ownDigests(context, file));
  return own ? { base64: utf8.encode(encodeBase64(own)), by: file.id, isProved: false } : undefined;
}

/** @throws HoldfastError as `readManifest` where they do not have the root */
async function provedDigests(context: Context, file: FileRecord): Promise<Uint8Array> {
  await hashSubtrees(context, file);
  return gathered(piecesOf(context, file, manifestDigests(file)));
}

/** Of the file's own bytes, past the cache: others are read there, and so many would take their room. Undefined where some of them are lost. */
async function ownDigests(context: Context, file: FileRecord): Promise<Uint8Array | undefined> {
  const all = new Uint8Array(partCount(file) * DIGEST_SIZE);
  let isWhole = true;
  for (let index = 0; isWhole && index < partCount(file); index++) {
    const now = await requireThere(context, file);
    const digest = await storedDigest(context, now, index, "medium").catch(unlessLost);
    isWhole = digest !== undefined;
    all.set(digest ?? [], index * DIGEST_SIZE);
  }
  return isWhole ? all : undefined;
}

function unlessLost(error: unknown): undefined {
  if (!isLost(error)) throw error;
}

function unlessBad(error: unknown): undefined {
  if (!isManifestDamage(error) && !isEnd(error)) throw error;
}

/** Whoever deletes a file waits for this, but on another server: then it goes with the rest. @throws HoldfastError `file_not_found` */
async function requireKept(context: Context, file: FileRecord): Promise<void> {
  const { storage, metadata } = context;
  if (storage.kind === "regions") return;
  if ((await metadata.file(file.id))?.state === "available") return;
  await storage.objects.removeAll(file.uploadId, file.home);
  throw new HoldfastError("file_not_found");
}

const utf8 = new TextEncoder();

/** A piece is valid until the next one is asked for. */
async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece.slice());
  return joined(all);
}
