// list: the files of a tenant, newest first, a page at a time.
import type { FilesRequest, ListedFile } from "@holdfast/protocol";
import type { Context } from "./context.ts";
import type { FilePosition, FileRecord, Principal } from "./records.ts";

export interface FilePage {
  readonly files: readonly ListedFile[];
  /** Where the next page begins; absent where there is none. */
  readonly next?: FilePosition;
}

/** Files that come or go while somebody pages move nothing: each other file comes once. */
export async function listFiles(
  context: Context,
  principal: Principal,
  { limit, after }: FilesRequest,
): Promise<FilePage> {
  const { tenant } = principal;
  await context.policy.decide(principal, "read", principal);
  // One more than is shown tells whether there is a next page.
  const query = { tenant, limit: limit + 1, ...(after ? { after } : {}) };
  const found = await context.metadata.files(query);
  const files = found.slice(0, limit).map(listedFile);
  const last = files.at(-1);
  if (found.length <= limit || !last) return { files };
  return { files, next: { createdAt: last.createdAt, id: last.id } };
}

export function listedFile(file: FileRecord): ListedFile {
  const { id, name, type, size, root, createdAt, sha256 } = file;
  const url = `/v1/files/${id}`;
  return { id, url, name, type, size, root, createdAt, ...(sha256 ? { sha256 } : {}) };
}
