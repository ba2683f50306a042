// proof: that a part belongs to a file. Whole subtrees are hashed once for a file; after that a proof reads and hashes little more than its own.
import {
  createTree,
  DIGEST_SIZE,
  decodeBase64,
  equalBytes,
  hashRoot,
  manifestDigests,
  partCount,
  type Tree,
} from "@holdfast/protocol";
import type { Context } from "./context.ts";
import { damagedManifest, piecesOf } from "./manifest.ts";
import type { FileRecord } from "./records.ts";
import { pause } from "./root.ts";

/** What a client needs to check one part against the root it knows. */
export interface PartProof {
  readonly digest: Uint8Array;
  /** The hashes from the part's leaf up to the top of the tree, lowest first. */
  readonly proof: readonly Uint8Array[];
}

/** Hashes of the whole subtrees of a file, 32 bytes each in one piece of memory (as objects they would take seven times that), and the digests of the parts behind the last of them. */
export interface Subtrees {
  readonly hashes: Uint8Array;
  readonly rest: Uint8Array;
}

/** Parts of a subtree: a power of two, so that of 100,000 parts a proof hashes some 650 times, less than a millisecond. */
const SUBTREE_PARTS = 256;
/** Files whose subtrees are kept: 13 KiB for one of 100,000 parts. */
const FILES_MAX = 256;

/** @throws HoldfastError `storage_failed` with `details.isManifest` where the stored manifest does not have the file's root. */
export async function provePart(
  context: Context,
  file: FileRecord,
  index: number,
): Promise<PartProof> {
  const { hashes, rest } = await subtreesOf(context, file);
  const own = Math.floor(index / SUBTREE_PARTS);
  const start = own * SUBTREE_PARTS;
  const end = Math.min(start + SUBTREE_PARTS, partCount(file));
  const whole = hashes.length / DIGEST_SIZE;
  const digests = own < whole ? await readDigests(context, file, start, end) : rest;
  const tree = createTree(context.digests.sha256, index);
  for (let at = 0; at < whole; at++) {
    if (at === own) addAll(tree, digests);
    else tree.addSubtree(hashes.slice(at * DIGEST_SIZE, (at + 1) * DIGEST_SIZE), SUBTREE_PARTS);
  }
  addAll(tree, rest);
  const { hash, proof } = tree.end();
  requireRoot(context, file, hash);
  const at = (index - start) * DIGEST_SIZE;
  return { digest: digests.slice(at, at + DIGEST_SIZE), proof };
}

/** Whoever asks while they are being hashed waits for them: a hundred readers cost what one does. */
async function subtreesOf(context: Context, file: FileRecord): Promise<Subtrees> {
  const { subtrees } = context;
  const hashing = subtrees.get(file.id) ?? hashSubtrees(context, file);
  // The one that was used last stands at the end.
  subtrees.delete(file.id);
  subtrees.set(file.id, hashing);
  for (const id of subtrees.keys()) {
    if (subtrees.size <= FILES_MAX) break;
    subtrees.delete(id);
  }
  try {
    return await hashing;
  } catch (error) {
    if (subtrees.get(file.id) === hashing) subtrees.delete(file.id);
    throw error;
  }
}

/** From what is stored now. @throws HoldfastError as `provePart` */
export async function hashSubtrees(context: Context, file: FileRecord): Promise<Subtrees> {
  const { sha256 } = context.digests;
  const count = partCount(file);
  const whole = createTree(sha256);
  const hashes = new Uint8Array(Math.floor(count / SUBTREE_PARTS) * DIGEST_SIZE);
  for (let start = 0; start + SUBTREE_PARTS <= count; start += SUBTREE_PARTS) {
    const tree = createTree(sha256);
    addAll(tree, await readDigests(context, file, start, start + SUBTREE_PARTS));
    const { hash } = tree.end();
    hashes.set(hash, (start / SUBTREE_PARTS) * DIGEST_SIZE);
    whole.addSubtree(hash, SUBTREE_PARTS);
    await pause(context);
  }
  const rest = await readDigests(context, file, count - (count % SUBTREE_PARTS), count);
  addAll(whole, rest);
  requireRoot(context, file, whole.end().hash);
  return { hashes, rest };
}

function addAll(tree: Tree, digests: Uint8Array): void {
  for (let at = 0; at < digests.length; at += DIGEST_SIZE) {
    tree.add(digests.subarray(at, at + DIGEST_SIZE));
  }
}

/** The digests of parts `start` to `end`, out of the base64 in which the manifest has them: four characters for three bytes. */
async function readDigests(
  context: Context,
  file: FileRecord,
  start: number,
  end: number,
): Promise<Uint8Array> {
  const field = manifestDigests(file);
  const group = Math.floor((start * DIGEST_SIZE) / 3);
  const range = {
    start: field.start + group * 4,
    end: Math.min(field.end, field.start + Math.ceil((end * DIGEST_SIZE) / 3) * 4),
  };
  const utf8 = new TextDecoder();
  let text = "";
  for await (const piece of piecesOf(context, file, range)) text += utf8.decode(piece);
  const bytes = decodeBase64(text);
  if (!bytes) throw damagedManifest();
  const from = start * DIGEST_SIZE - group * 3;
  return bytes.subarray(from, from + (end - start) * DIGEST_SIZE);
}

/** Digests that have the root of the file are its digests: nothing else of the manifest needs to be read for that. */
function requireRoot({ digests }: Context, file: FileRecord, tree: Uint8Array): void {
  if (!equalBytes(hashRoot(digests.sha256, file, tree), file.root)) throw damagedManifest();
}
