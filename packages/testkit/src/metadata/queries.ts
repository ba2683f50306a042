// What the lists and counts of a metadata store say, on plain maps: the specification that every metadata store is held to.
import type {
  Counts,
  Due,
  DueFileKind,
  DueKind,
  DueQuery,
  FileRecord,
  FilesQuery,
  Principal,
  UploadRecord,
} from "@holdfast/engine";
import { isEnded, isOf, type RecordState, usageOf } from "./state.ts";

export function listFiles(
  state: RecordState,
  { tenant, after, limit }: FilesQuery,
): readonly FileRecord[] {
  return [...state.files.values()]
    .filter((file) => file.tenant === tenant && file.state === "available")
    .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
    .filter((file) => {
      if (!after) return true;
      if (file.createdAt !== after.createdAt) return file.createdAt < after.createdAt;
      return file.id < after.id;
    })
    .slice(0, limit);
}

export function listDue(
  state: RecordState,
  kind: DueKind,
  { before, after, limit }: DueQuery,
): readonly Due[] {
  return allDue(state, kind)
    .sort(compareDue)
    .filter((due) => before === undefined || due.at < before)
    .filter((due) => !after || compareDue(due, after) > 0)
    .slice(0, limit);
}

function compareDue(a: Due, b: Due): number {
  if (a.at !== b.at) return a.at - b.at;
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

function allDue(state: RecordState, kind: DueKind): Due[] {
  if (kind === "deleting" || kind === "damaged") {
    return [...state.files.values()]
      .filter(({ state, notes }) =>
        kind === "deleting" ? state === "deleting" : state === "available" && notes?.damaged,
      )
      .map(({ uploadId: id, id: fileId, size, createdAt: at }) => ({ id, fileId, size, at }));
  }
  return [...state.uploads.values()]
    .filter((upload) => isDue(kind, upload))
    .map((upload) => ({ id: upload.id, size: upload.size, at: dueAt(kind, upload) }));
}

function isDue(kind: Exclude<DueKind, DueFileKind>, upload: UploadRecord): boolean {
  switch (kind) {
    case "completing":
      return upload.state === "completing";
    case "expired":
      return upload.state === "open";
    case "uncleared":
      return isEnded(upload) && upload.hasBytes;
    case "forgettable":
      return upload.state === "complete" || (isEnded(upload) && !upload.hasBytes);
  }
}

function dueAt(kind: DueKind, { expiresAt, endedAt = 0 }: UploadRecord): number {
  return kind === "completing" || kind === "expired" ? expiresAt : endedAt;
}

export function countRecords(state: RecordState, of?: Principal): Counts {
  const files = [...state.files.values()].filter(
    (file) => file.state === "available" && (!of || isOf(of, file)),
  );
  return { ...usageOf(state, of), files: files.length };
}
