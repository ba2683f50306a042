// What comes to stand beside files and uploads: a part of the executable specification in `apply.ts`.
import { type FileNotes, noted, sound, withRevoked } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { type ChangeOf, type RecordState, requireUpload } from "./state.ts";

export function note(state: RecordState, { id, note }: ChangeOf<"note">): void {
  const file = state.files.get(id);
  if (file?.state !== "available") throw new HoldfastError("file_not_found");
  const { notes: before = {}, ...plain } = file;
  state.files.set(id, { ...plain, ...standing(noted(before, note)) });
}

export function relocate(state: RecordState, change: ChangeOf<"relocate">): void {
  const file = state.files.get(change.id);
  if (file?.state !== "available") throw new HoldfastError("file_not_found");
  if (file.place !== change.instead) return;
  const { notes, ...plain } = file;
  if (!notes?.damaged) return;
  state.files.set(change.id, { ...plain, place: change.place, ...standing(sound(notes)) });
}

function standing(notes: FileNotes): { readonly notes?: FileNotes } {
  return Object.keys(notes).length === 0 ? {} : { notes };
}

export function revokeLink(state: RecordState, change: ChangeOf<"revoke-link">): void {
  const upload = requireUpload(state, change.id);
  const known = upload.revoked ?? [];
  const revoked = withRevoked(known, change);
  if (revoked !== known) state.uploads.set(change.id, { ...upload, revoked });
}
