// What is unfinished on this device: uploads, downloads and whole commands that somebody can go on with.
import { canonicalJson, HoldfastError } from "@holdfast/protocol";
import { type Checkpoint, checkpointKey, decodeCheckpoint, seal, unseal } from "./checkpoint.ts";
import { type Patience, takeClaim } from "./claim.ts";
import { parseJson } from "./parse-json.ts";
import type { CheckpointStore, Clock, Digester, Holder } from "./ports.ts";

interface Common {
  readonly key: string;
  /** The process that is at it right now, if any is. */
  readonly holder?: Holder;
  /** When it was noted, in milliseconds since 1970. */
  readonly savedAt: number;
}

/** A single upload that has begun and is not complete, as far as this device knows. */
export interface UnfinishedUpload extends Common {
  readonly kind: "upload";
  readonly path: string;
  readonly to: string;
  readonly size: number;
  readonly name?: string;
  readonly type?: string;
  readonly metadata?: ReadonlyMap<string, string>;
}

export interface UnfinishedDownload extends Common, NotedDownload {
  readonly kind: "download";
}

export interface NotedDownload {
  readonly url: string;
  readonly path: string;
  readonly size: number;
  /** Of the content that the working file is of. */
  readonly root: string;
  /** What the whole has to have, where that was asked for. */
  readonly sha256?: string;
}

/** A command over several files, which may not all have begun. */
export interface UnfinishedCommand extends Common, NotedCommand {
  readonly kind: "command";
}

export interface NotedCommand {
  readonly words: readonly string[];
  readonly directory: string;
  /** Where it sends to or fetches from: addresses of servers. */
  readonly servers: readonly string[];
}

export type Unfinished = UnfinishedUpload | UnfinishedDownload | UnfinishedCommand;

interface Place {
  readonly checkpoints: CheckpointStore;
  readonly digester: Digester;
}

/** The latest last. What is not ours to read is passed over. @throws HoldfastError `checkpoint_failed` */
export async function listUnfinished(place: Place): Promise<readonly Unfinished[]> {
  const found: Unfinished[] = [];
  for (const { key, value, savedAt } of await place.checkpoints.list()) {
    const one = read(place.digester, { key, savedAt }, value);
    if (!one) continue;
    const holder = await place.checkpoints.holder(key);
    found.push(holder ? { ...one, holder } : one);
  }
  return found;
}

function read(digester: Digester, common: Common, value: string): Unfinished | undefined {
  const checkpoint = decodeCheckpoint(digester, value);
  if (checkpoint) return uploadOf(common, checkpoint);
  const fields = unseal(digester, value);
  const [url, path, root] = [fields?.get("url"), fields?.get("path"), fields?.get("root")];
  const [size, words, servers] = [
    fields?.get("size"),
    fields?.get("words"),
    fields?.get("servers"),
  ];
  const directory = fields?.get("directory");
  if (fields?.get("kind") === "download") {
    if (!isText(url) || !isText(path) || !isText(root) || typeof size !== "number")
      return undefined;
    const sha256 = fields.get("sha256");
    const wanted = isText(sha256) ? { sha256 } : {};
    return { ...common, kind: "download", url, path, root, size, ...wanted };
  }
  if (fields?.get("kind") !== "command" || !isText(directory)) return undefined;
  if (!isTexts(words) || !isTexts(servers)) return undefined;
  return { ...common, kind: "command", words, directory, servers };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

function uploadOf(common: Common, checkpoint: Checkpoint): UnfinishedUpload | undefined {
  const { source: path, server: to, fingerprint, file, choices = "{}" } = checkpoint;
  if (path === undefined || file) return undefined;
  const given = new Map<string, unknown>(Object.entries(parseJson(choices) ?? {}));
  const [name, type, metadata] = [given.get("name"), given.get("type"), given.get("metadata")];
  const texts = Object.entries(metadata ?? {}).filter((pair): pair is [string, string] =>
    isText(pair[1]),
  );
  return {
    ...common,
    kind: "upload",
    path,
    to,
    size: fingerprint.size,
    ...(isText(name) ? { name } : {}),
    ...(isText(type) ? { type } : {}),
    ...(texts.length > 0 ? { metadata: new Map(texts) } : {}),
  };
}

/** Durable when it resolves. @throws HoldfastError `checkpoint_failed` */
export async function noteDownload(
  { checkpoints, digester }: Place,
  key: string,
  download: NotedDownload,
): Promise<void> {
  await checkpoints.save(key, seal(digester, canonicalJson({ kind: "download", ...download })));
}

/**
 * Notes a command until the returned function is called, and keeps a second one about the same out; without a place for checkpoints it does neither. `about` names
 * what it is about within its directory, whatever its pace: the same again takes the place of what was noted.
 *
 * @throws HoldfastError `transfer_busy`
 */
export async function noteCommand(
  place: Place & { readonly clock: Clock },
  command: NotedCommand,
  about: readonly string[],
  patience: Patience,
): Promise<(isFinished: boolean) => Promise<void>> {
  const { checkpoints, digester } = place;
  const key = checkpointKey(digester, "command", command.directory, ...about);
  try {
    const release = await takeClaim(place, key, patience);
    await checkpoints.save(key, seal(digester, canonicalJson({ kind: "command", ...command })));
    return async (isFinished) => {
      if (isFinished) await checkpoints.remove(key).catch(() => undefined);
      release();
    };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "checkpoint_failed") {
      return async () => undefined;
    }
    throw error;
  }
}
