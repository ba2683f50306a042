// What comes to stand beside files and uploads in the tables, which changes nothing of their content.
import { noted, sound, withRevoked } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import {
  encodeNotes,
  encodeRevoked,
  notesAt,
  optionalTextAt,
  revokedAt,
  textAt,
  wholeAt,
} from "./codec.ts";
import { type ChangeOf, requireUpload } from "./found.ts";
import type { Tables } from "./tables.ts";

export function noteFile(tables: Tables, { id, note }: ChangeOf<"note">): void {
  const row = tables.findFile.get({ id });
  if (!row || textAt(row, "state") !== "available") throw new HoldfastError("file_not_found");
  const notes = noted(notesAt(row) ?? {}, note);
  tables.setNotes.run({ seq: wholeAt(row, "seq"), ...encodeNotes(notes) });
}

export function relocateFile(tables: Tables, { id, place, instead }: ChangeOf<"relocate">): void {
  const row = tables.findFile.get({ id });
  if (!row || textAt(row, "state") !== "available") throw new HoldfastError("file_not_found");
  if (optionalTextAt(row, "place") !== instead) return;
  const notes = notesAt(row);
  if (!notes?.damaged) return;
  tables.setFilePlace.run({ seq: wholeAt(row, "seq"), place, ...encodeNotes(sound(notes)) });
}

export function revokeLink(tables: Tables, change: ChangeOf<"revoke-link">): void {
  const { seq } = requireUpload(tables, change.id);
  const known = revokedAt(tables.findRevoked.get({ seq }) ?? { revoked: null });
  const revoked = withRevoked(known, change);
  if (revoked !== known) tables.setRevoked.run({ seq, revoked: encodeRevoked(revoked) });
}
