// The downloads that a page can go on with: those that were begun here and are not whole.
import { unsignedAddress } from "../file-address.ts";
import { parseJson } from "../parse-json.ts";
import type { CheckpointStore, Digester } from "../ports.ts";
import { listUnfinished } from "../unfinished.ts";

/** A download that has begun and is not whole, as far as this browser knows: the same call goes on with it. */
export interface UnfinishedDownload {
  readonly key: string;
  /** Of the file, as it was given: a signed one may have ended. */
  readonly url: string;
  /** In bytes. */
  readonly size: number;
  /** Of the content that there is some of. */
  readonly root: string;
  /** When it was noted, in milliseconds since 1970. */
  readonly savedAt: number;
  /** A tab of this browser is at it. */
  readonly isRunning: boolean;
}

interface Place {
  readonly checkpoints: CheckpointStore;
  readonly digester: Digester;
  /** Whose are listed; those of nobody in particular where undefined. */
  readonly owner?: string;
}

/** Names a download in this browser, however its address is signed. */
export function identityOf(url: string, owner: string | undefined): string {
  const whose = owner === undefined ? [] : [owner];
  return JSON.stringify(["download", unsignedAddress(url), ...whose]);
}

/** The latest last. @throws HoldfastError `checkpoint_failed` */
export async function listDownloads(place: Place): Promise<readonly UnfinishedDownload[]> {
  return (await listUnfinished(place)).flatMap((one) => {
    if (one.kind !== "download" || ownerOf(one.path) !== place.owner) return [];
    const { key, url, size, root, savedAt, holder } = one;
    return [{ key, url, size, root, savedAt, isRunning: holder !== undefined }];
  });
}

function ownerOf(identity: string): unknown {
  const marks = parseJson(identity);
  return Array.isArray(marks) ? marks[2] : undefined;
}
