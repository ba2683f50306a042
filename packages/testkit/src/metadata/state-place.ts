// What places and bound parts require and do: a part of the executable specification in `apply.ts`.
import {
  addPart,
  countParts,
  DIGEST_SIZE,
  equalBytes,
  HoldfastError,
  hasPart,
  partSizeAt,
} from "@holdfast/protocol";
import {
  addParts,
  beginParts,
  type ChangeOf,
  conflict,
  digestAt,
  notOpen,
  partsOf,
  type RecordState,
  requireDigest,
  requireInGrid,
  requireTaking,
  requireToken,
  requireUpload,
} from "./state.ts";
import { unsealed, WITHDRAWN } from "./state-parts.ts";

export function place(state: RecordState, { id, place }: ChangeOf<"place">): void {
  const upload = requireUpload(state, id);
  requireTaking(upload);
  if (upload.place === place) return;
  if (upload.place !== undefined) throw notOpen(upload);
  const hasParts = partsOf(state, upload).set.bits.some((byte) => byte !== 0);
  if (hasParts || (upload.tail && !upload.tail.objects)) {
    throw new HoldfastError("internal", "bytes of the upload lie in no place");
  }
  state.uploads.set(id, { ...upload, place });
}

export function move(state: RecordState, change: ChangeOf<"move">): void {
  const upload = requireUpload(state, change.id);
  const { id, place, instead, kept, at } = change;
  if (upload.state !== "open" && upload.state !== "completing") throw notOpen(upload);
  if (upload.place === place) return;
  requireToken(upload, change.token);
  if (upload.place !== instead) throw notOpen(upload);
  for (const index of kept) requireInGrid(upload, index);
  const { set, digests } = partsOf(state, upload);
  const stay = kept.filter((index) => hasPart(set, index));
  const added = new Map(stay.map((index) => [index, digestAt(digests, index)]));
  beginParts(state, upload);
  addParts(state, upload, added);
  const left = { ...unsealed(upload), epoch: upload.epoch + 1 };
  const isOver = upload.hasToldOffset && countParts(set) > added.size;
  const end = { state: "failed", endedAt: at, error: WITHDRAWN } as const;
  const moved = upload.role?.kind === "final" ? {} : ({ state: "open" } as const);
  state.uploads.set(id, isOver ? { ...left, ...end } : { ...left, ...moved, place });
}

export function bind(state: RecordState, change: ChangeOf<"bind">): void {
  const upload = requireUpload(state, change.id);
  requireTaking(upload);
  if (upload.place !== change.place) throw notOpen(upload);
  const known = { size: change.size, partSize: upload.partSize };
  const isCut = ({ index }: { readonly index: number }) =>
    partSizeAt(known, index) !== partSizeAt(upload, index);
  if (change.parts.some(isCut)) {
    throw new HoldfastError("size_mismatch", undefined, { size: upload.size });
  }
  const { set, bound, digests } = partsOf(state, upload);
  const added = new Map<number, Uint8Array>();
  for (const { index, digest } of change.parts) {
    requireDigest(upload, index, digest);
    const known = hasPart(bound, index) ? digestAt(digests, index) : (added.get(index) ?? digest);
    if (!equalBytes(known, digest)) throw conflict(index, known, hasPart(set, index));
    added.set(index, digest);
  }
  for (const [index, digest] of added) {
    addPart(bound, index);
    digests.set(digest, index * DIGEST_SIZE);
  }
  state.uploads.set(upload.id, { ...upload });
}
