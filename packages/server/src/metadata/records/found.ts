// What the conditions of changes look at: the upload that a change names, keys, room within limits.
import type { Limits, Place, UploadRecord } from "@holdfast/engine";
import { type Grid, HoldfastError, KIB, type UploadId, type UploadState } from "@holdfast/protocol";
import {
  optionalPlaceAt,
  optionalTextAt,
  optionalWholeAt,
  roleAt,
  stateAt,
  textAt,
  wholeAt,
} from "./codec.ts";
import type { PackedChange } from "./packed.ts";
import type { Tables } from "./tables.ts";

export type ChangeOf<Kind extends PackedChange["kind"]> = Extract<
  PackedChange,
  { readonly kind: Kind }
>;

/** What conditions ask of an upload. */
export interface Found extends Grid {
  readonly id: UploadId;
  readonly seq: number;
  readonly state: UploadState;
  readonly epoch: number;
  readonly fileId: string | undefined;
  readonly hasSize: boolean;
  readonly hasToldOffset: boolean;
  readonly hasBytes: boolean;
  readonly expiresAt: number;
  readonly endedAt: number | undefined;
  readonly reservedKib: number;
  readonly place: Place | undefined;
  /** Takes bytes while it is `completing`. */
  readonly isFinal: boolean;
}

export function requireUpload(tables: Tables, id: UploadId): Found {
  const row = tables.findUpload.get({ id });
  if (!row) throw new HoldfastError("upload_not_found");
  return {
    id,
    seq: wholeAt(row, "seq"),
    state: stateAt(row, "state"),
    epoch: wholeAt(row, "epoch"),
    size: wholeAt(row, "size"),
    partSize: wholeAt(row, "part_size"),
    fileId: optionalTextAt(row, "file_id"),
    hasSize: wholeAt(row, "has_size") === 1,
    hasToldOffset: wholeAt(row, "has_told_offset") === 1,
    hasBytes: wholeAt(row, "has_bytes") === 1,
    expiresAt: wholeAt(row, "expires_at"),
    endedAt: optionalWholeAt(row, "ended_at"),
    reservedKib: wholeAt(row, "reserved_kib"),
    place: optionalPlaceAt(row),
    isFinal: roleAt(row)?.kind === "final",
  };
}

export function requireState(upload: Found, ...states: readonly UploadState[]): void {
  if (!states.includes(upload.state)) throw notOpen(upload);
}

/** For what brings bytes: a final gets those of its partials while it is `completing`. */
export function requireTaking(upload: Found): void {
  requireState(upload, "open", ...(upload.isFinal ? (["completing"] as const) : []));
}

export function notOpen({ state, epoch }: Pick<Found, "state" | "epoch">): HoldfastError {
  return new HoldfastError("upload_not_open", undefined, { state, epoch });
}

/** The claim of an upload. */
export interface FoundClaim {
  /** 0 until somebody takes it. */
  readonly token: number;
  readonly holder: string | undefined;
  readonly until: number;
  readonly wantedAt: number | undefined;
}

export function claimOf(tables: Tables, { seq }: Found): FoundClaim {
  const row = tables.findClaim.get({ seq }) ?? {};
  return {
    token: wholeAt(row, "claim_token"),
    holder: optionalTextAt(row, "claim_holder"),
    until: wholeAt(row, "claim_until"),
    wantedAt: optionalWholeAt(row, "claim_wanted_at"),
  };
}

/** @throws HoldfastError `claim_lost` where a token is given, and nobody holds the claim with it. */
export function requireToken(tables: Tables, upload: Found, token: number | undefined): void {
  if (token === undefined) return;
  const claim = claimOf(tables, upload);
  if (claim.token !== token || claim.holder === undefined) throw claimLost(claim);
}

export function claimLost(
  { token }: FoundClaim,
  more: { readonly leftMs?: number } = {},
): HoldfastError {
  return new HoldfastError("claim_lost", undefined, { token, ...more });
}

/** Why an upload fails of which bytes are lost below an offset that was answered: that was a promise. */
export const WITHDRAWN = {
  code: "storage_failed",
  detail: "stored bytes proved bad below an offset that had been answered",
} as const;

export function requireFreeKey(tables: Tables, { tenant, principal, key }: UploadRecord): void {
  if (key && tables.findKey.get({ tenant, principal, key_name: key.name })) {
    throw new HoldfastError("idempotency_conflict");
  }
}

/** As `requireRoom`, for the principal of an upload that is there. */
export function requireRoomOf(
  tables: Tables,
  { id }: Found,
  limits: Limits | undefined,
  more: { readonly open: number; readonly kib: number },
): void {
  if (limits?.openMax === undefined && limits?.bytesMax === undefined) return;
  const row = tables.findCreated.get({ id }) ?? {};
  const owner = { tenant: textAt(row, "tenant"), principal: textAt(row, "principal") };
  requireRoom(tables, owner, limits, more);
}

/** Within the transaction that takes the room: however many ask at once, what they get together is within the limits. */
export function requireRoom(
  tables: Tables,
  { tenant, principal }: { readonly tenant: string; readonly principal: string },
  { openMax, bytesMax }: Limits = {},
  more: { readonly open: number; readonly kib: number },
): void {
  if (openMax === undefined && bytesMax === undefined) return;
  const row = tables.findUsage.get({ tenant, principal });
  const used = row ? { open: wholeAt(row, "open"), kib: wholeAt(row, "kib") } : { open: 0, kib: 0 };
  if (more.open > 0 && openMax !== undefined && used.open + more.open > openMax) {
    throw new HoldfastError("quota_exceeded", undefined, { limit: "openMax", max: openMax });
  }
  if (more.kib > 0 && bytesMax !== undefined && (used.kib + more.kib) * KIB > bytesMax) {
    throw new HoldfastError("quota_exceeded", undefined, { limit: "bytesMax", max: bytesMax });
  }
}
