// What an upload is: one verb, one file, over the ports.

export type * from "./changes.ts";
export type { UploadContent } from "./content.ts";
export { createEngine } from "./create-engine.ts";
export type {
  Abilities,
  Append,
  Beginning,
  BodyCheck,
  Concatenation,
  Engine,
  EngineParts,
  Health,
  PartsConfirmed,
  Presigned,
  PutRun,
  RunCommitted,
  SignedPart,
  StoreFile,
  ToldOffset,
} from "./engine.ts";
export {
  type FileNote,
  type FileNotes,
  noted,
  REVOKED_MAX,
  type RevokedLink,
  revokedBefore,
  sound,
  withRevoked,
} from "./notes.ts";
export { handOn, type Pieces } from "./pieces.ts";
export type * from "./ports.ts";
export type * from "./records.ts";
export { RIGHTS_MS } from "./rights.ts";
export { createSlotPool, SLOT_SIZE, type Slot, type SlotPool } from "./slots.ts";
export type { UploadDigests } from "./upload-digests.ts";
export type { UploadNews } from "./watch.ts";
