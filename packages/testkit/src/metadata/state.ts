// The records as plain maps, and what the changes to them ask: with `apply.ts` the executable specification that every metadata store is held to.
import type {
  Change,
  Claim,
  CommittedPart,
  FileRecord,
  KeyOwner,
  Limits,
  OutboxEntry,
  PartTable,
  Place,
  Principal,
  UploadRecord,
} from "@holdfast/engine";
import {
  addPart,
  createPartSet,
  DIGEST_SIZE,
  encodeBase64,
  equalBytes,
  type FileId,
  type Grid,
  HoldfastError,
  hasPart,
  KIB,
  type PartSet,
  partCount,
  partSizeAt,
  type UploadId,
} from "@holdfast/protocol";

/** All records. Plain data: `structuredClone` is a snapshot. */
export interface RecordState {
  readonly uploads: Map<UploadId, UploadRecord>;
  readonly parts: Map<UploadId, PartTable>;
  readonly files: Map<FileId, FileRecord>;
  readonly outbox: OutboxEntry[];
  /** Of claims that are held: when they end, and since when they are wanted. By the store's clock, and nobody else's to compare. */
  readonly claims: Map<UploadId, ClaimTimes>;
}

interface ClaimTimes {
  readonly until: number;
  readonly wantedAt?: number;
}

export function emptyState(): RecordState {
  return { uploads: new Map(), parts: new Map(), files: new Map(), outbox: [], claims: new Map() };
}

export type ChangeOf<Kind extends Change["kind"]> = Extract<Change, { readonly kind: Kind }>;

/** No part is committed or bound. */
export function beginParts(state: RecordState, upload: UploadRecord): void {
  state.parts.set(upload.id, emptyParts(upload));
}

export function emptyParts(grid: Grid): PartTable {
  const count = partCount(grid);
  const [{ bits }, { bits: bound }] = [createPartSet(count), createPartSet(count)];
  return { bits, bound, digests: new Uint8Array(count * DIGEST_SIZE) };
}

/** An id is 128 random bits: two uploads never share one, so another record under it is a mistake of the program. */
export function requireSameCreate(known: UploadRecord, upload: UploadRecord): void {
  const isSame =
    known.tenant === upload.tenant &&
    known.principal === upload.principal &&
    known.size === upload.size &&
    known.partSize === upload.partSize &&
    known.algorithm === upload.algorithm &&
    known.name === upload.name &&
    known.createdAt === upload.createdAt;
  if (!isSame) throw new HoldfastError("internal", "another upload has this id");
}

export function requireFreeKey(state: RecordState, { tenant, principal, key }: UploadRecord): void {
  const holder = key && findByKey(state, { tenant, principal, name: key.name });
  if (holder) throw new HoldfastError("idempotency_conflict");
}

export function findByKey(state: RecordState, owner: KeyOwner): UploadRecord | undefined {
  return [...state.uploads.values()].find(
    ({ tenant, principal, key }) =>
      tenant === owner.tenant &&
      principal === owner.principal &&
      key !== undefined &&
      equalBytes(key.name, owner.name),
  );
}

/** Bytes that an upload counts for while it is under way, in whole KiB: an unknown size counts by the committed parts. */
export function reservedOf(state: RecordState, upload: UploadRecord): number {
  if (upload.hasSize) return wholeKib(upload.size);
  const bits = state.parts.get(upload.id)?.bits;
  if (!bits) return 0;
  const set = { partCount: partCount(upload), bits };
  let bytes = 0;
  for (let index = 0; index < set.partCount; index++) {
    if (hasPart(set, index)) bytes += wholeKib(partSizeAt(upload, index));
  }
  return bytes;
}

export function wholeKib(bytes: number): number {
  return Math.ceil(bytes / KIB) * KIB;
}

/** What uploads under way and files amount to, of everybody or of one principal. A file counts until its bytes are gone. */
export function usageOf(
  state: RecordState,
  of?: Principal,
): { readonly open: number; readonly bytes: number } {
  const some = [...state.uploads.values()].filter(
    (upload) => isUnderWay(upload) && (!of || isOf(of, upload)),
  );
  const reserved = some.reduce((sum, upload) => sum + reservedOf(state, upload), 0);
  const stored = [...state.files.values()]
    .filter((file) => !of || isOf(of, file))
    .reduce((sum, { size }) => sum + wholeKib(size), 0);
  return { open: some.length, bytes: reserved + stored };
}

export function isOf(of: Principal, record: UploadRecord | FileRecord): boolean {
  return record.tenant === of.tenant && record.principal === of.id;
}

export function requireRoom(
  state: RecordState,
  { tenant, principal: id }: Pick<UploadRecord, "tenant" | "principal">,
  { openMax, bytesMax }: Limits = {},
  more: { readonly open: number; readonly bytes: number },
): void {
  const { open, bytes } = usageOf(state, { tenant, id });
  if (more.open > 0 && openMax !== undefined && open + more.open > openMax) {
    throw new HoldfastError("quota_exceeded", undefined, { limit: "openMax", max: openMax });
  }
  if (more.bytes > 0 && bytesMax !== undefined && bytes + more.bytes > bytesMax) {
    throw new HoldfastError("quota_exceeded", undefined, { limit: "bytesMax", max: bytesMax });
  }
}

/**
 * The parts of a change that are not committed yet. Changes nothing.
 * @throws HoldfastError `part_conflict`, `part_out_of_range`, `quota_exceeded`; `upload_not_open` where the bytes lie elsewhere.
 */
export function newParts(
  state: RecordState,
  upload: UploadRecord,
  change: {
    readonly place?: Place | undefined;
    readonly parts: readonly CommittedPart[];
    readonly limits?: Limits;
  },
): ReadonlyMap<number, Uint8Array> {
  if (change.parts.length > 0 && change.place !== upload.place) throw notOpen(upload);
  const { set, bound, digests } = partsOf(state, upload);
  const added = new Map<number, Uint8Array>();
  for (const { index, digest } of change.parts) {
    requireDigest(upload, index, digest);
    const known = added.get(index) ?? (hasPart(bound, index) ? digestAt(digests, index) : digest);
    const isCommitted = added.has(index) || hasPart(set, index);
    if (!equalBytes(known, digest)) throw conflict(index, known, isCommitted);
    if (!isCommitted) added.set(index, digest);
  }
  const more = [...added.keys()].reduce((sum, at) => sum + wholeKib(partSizeAt(upload, at)), 0);
  if (!upload.hasSize) requireRoom(state, upload, change.limits, { open: 0, bytes: more });
  return added;
}

export function addParts(
  state: RecordState,
  upload: UploadRecord,
  added: ReadonlyMap<number, Uint8Array>,
): void {
  const { set, bound, digests } = partsOf(state, upload);
  for (const [index, digest] of added) {
    addPart(set, index);
    addPart(bound, index);
    digests.set(digest, index * DIGEST_SIZE);
  }
}

/** Neither ended nor a file. */
export function isUnderWay({ state }: UploadRecord): boolean {
  return state === "open" || state === "completing";
}

/** Ended without a file. */
export function isEnded({ state }: UploadRecord): boolean {
  return state === "aborted" || state === "expired" || state === "failed";
}

export function requireUpload(state: RecordState, id: UploadId): UploadRecord {
  const upload = state.uploads.get(id);
  if (!upload) throw new HoldfastError("upload_not_found");
  return upload;
}

/** @throws HoldfastError `claim_lost` where a token is given, and nobody holds the claim with it. */
export function requireToken({ claim }: UploadRecord, token: number | undefined): void {
  if (token === undefined || (claim?.holder !== undefined && claim.token === token)) return;
  throw claimLost(claim);
}

export function claimLost(
  claim: Claim | undefined,
  more: { readonly leftMs?: number } = {},
): HoldfastError {
  return new HoldfastError("claim_lost", undefined, { token: claim?.token ?? 0, ...more });
}

export function requireParts(state: RecordState, id: UploadId): PartTable {
  const table = state.parts.get(id);
  if (!table) throw new HoldfastError("upload_not_found");
  return table;
}

export function partsOf(
  state: RecordState,
  upload: UploadRecord,
): { readonly set: PartSet; readonly bound: PartSet; readonly digests: Uint8Array } {
  const { bits, bound, digests } = requireParts(state, upload.id);
  const count = partCount(upload);
  return {
    set: { partCount: count, bits },
    bound: { partCount: count, bits: bound },
    digests,
  };
}

export function requireInGrid(grid: Grid, index: number): void {
  const count = partCount(grid);
  if (Number.isInteger(index) && index >= 0 && index < count) return;
  throw new HoldfastError("part_out_of_range", undefined, { partCount: count });
}

export function requireDigest(grid: Grid, index: number, digest: Uint8Array): void {
  requireInGrid(grid, index);
  if (digest.length !== DIGEST_SIZE) throw new HoldfastError("internal", "no digest of a part");
}

export function digestAt(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
}

/** For what brings bytes: a final gets those of its partials while it is `completing`. */
export function requireTaking(upload: UploadRecord): void {
  const isAssembling = upload.state === "completing" && upload.role?.kind === "final";
  if (upload.state !== "open" && !isAssembling) throw notOpen(upload);
}

export function notOpen({ state, epoch }: UploadRecord): HoldfastError {
  return new HoldfastError("upload_not_open", undefined, { state, epoch });
}

export function conflict(index: number, known: Uint8Array, isCommitted: boolean): HoldfastError {
  const message = `part ${index} is ${isCommitted ? "committed with" : "bound to"} another digest`;
  const digest = encodeBase64(known);
  const details = isCommitted ? { committed: digest } : { committed: false, bound: digest };
  return new HoldfastError("part_conflict", message, { index, ...details });
}
