// What a page can go on with: the uploads that were begun here and are not complete, and what leads back to their files.
import type { CheckpointStore, Digester } from "../ports.ts";
import { listUnfinished } from "../unfinished.ts";
import type { FileChannel } from "./file-channel.ts";
import type { Handles } from "./handles.ts";
import { decodeIdentity } from "./identity.ts";

/** An upload that has begun and is not complete, as far as this browser knows. */
export interface Unfinished {
  readonly key: string;
  /** Of the source. */
  readonly identity: string;
  /** The file's name, behind that of the folder it was chosen with. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Last change, in milliseconds since 1970. */
  readonly lastModified: number;
  /** The server's address. */
  readonly to: string;
  readonly name?: string;
  readonly type?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  /** When it was noted, in milliseconds since 1970. */
  readonly savedAt: number;
  /** A tab of this browser is at it. */
  readonly isRunning: boolean;
  /** The file itself, where another tab or the site's service worker still has it: nobody need be asked for it. */
  readonly file?: File;
  /** What leads back to the file, where the browser gave that; else somebody has to choose it again. */
  readonly handle?: FileSystemFileHandle;
}

interface Place {
  readonly checkpoints: CheckpointStore;
  readonly digester: Digester;
  readonly handles: Handles;
  /** Whose are listed; those of nobody in particular where undefined. */
  readonly owner?: string;
  readonly files: Pick<FileChannel, "find" | "drop">;
}

/** The latest last. @throws HoldfastError `checkpoint_failed` */
export async function listHere(place: Place): Promise<readonly Unfinished[]> {
  const found: Unfinished[] = [];
  const listed = (await listUnfinished(place)).flatMap((one) => {
    const file = one.kind === "upload" ? decodeIdentity(one.path) : undefined;
    if (one.kind !== "upload" || !file || file.owner !== place.owner) return [];
    const { path, lastModified } = file;
    return [{ ...one, identity: one.path, path, lastModified }];
  });
  const files = await place.files.find(listed.map(({ key }) => key));
  for (const one of listed) {
    const { key, identity, path, lastModified, to, size, savedAt, holder } = one;
    const { name, type, metadata } = one;
    const handle = await place.handles.find(identity);
    const file = files.get(key);
    found.push({
      ...{ key, identity, to, size, savedAt, isRunning: holder !== undefined, path, lastModified },
      ...(name === undefined ? {} : { name }),
      ...(type === undefined ? {} : { type }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(file === undefined ? {} : { file }),
      ...(handle === undefined ? {} : { handle }),
    });
  }
  return found;
}

/** Resolves with the others. @throws HoldfastError `transfer_busy` where a tab is at it, `checkpoint_failed` */
export async function forgetOne(
  place: Place,
  { key, identity }: Pick<Unfinished, "key" | "identity">,
): Promise<readonly Unfinished[]> {
  const { checkpoints, handles, files } = place;
  const release = await checkpoints.claim(key);
  try {
    await checkpoints.remove(key);
    await handles.forget(identity);
    files.drop(key);
  } finally {
    release();
  }
  return listHere(place);
}
