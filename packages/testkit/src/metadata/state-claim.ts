// What claims between hosts require and do: a part of the executable specification in `apply.ts`.
import type { Claim, UploadRecord } from "@holdfast/engine";
import {
  type ChangeOf,
  claimLost,
  type RecordState,
  requireToken,
  requireUpload,
} from "./state.ts";

export function claim(state: RecordState, change: ChangeOf<"claim">, now: number): void {
  const upload = requireUpload(state, change.id);
  const { holder, token, lifeMs, patienceMs } = change;
  const known = upload.claim;
  if (known?.token === token && known.holder === holder) return;
  const isNext = token === (known?.token ?? 0) + 1;
  if (!isNext || !isFree(state, upload, patienceMs, now)) {
    throw claimLost(known, leftOf(state, upload, now));
  }
  state.claims.set(upload.id, { until: now + lifeMs });
  put(state, upload, { token, holder, isWanted: false });
}

function isFree(
  { claims }: RecordState,
  { id, claim }: UploadRecord,
  patienceMs: number | undefined,
  now: number,
): boolean {
  const times = claims.get(id);
  if (claim?.holder === undefined || !times || times.until <= now) return true;
  if (patienceMs === undefined || times.wantedAt === undefined) return false;
  return times.wantedAt + patienceMs <= now;
}

/** How long it lasts, where somebody holds it. */
function leftOf(
  { claims }: RecordState,
  { id, claim }: UploadRecord,
  now: number,
): { readonly leftMs?: number } {
  const { until = 0 } = claims.get(id) ?? {};
  return claim?.holder !== undefined && until > now ? { leftMs: until - now } : {};
}

export function renew(state: RecordState, change: ChangeOf<"renew">, now: number): void {
  const upload = requireUpload(state, change.id);
  requireToken(upload, change.token);
  const times = state.claims.get(upload.id);
  const until = Math.max(times?.until ?? 0, now + change.lifeMs);
  state.claims.set(upload.id, { ...times, until });
}

export function want(state: RecordState, { id, token }: ChangeOf<"want">, now: number): void {
  const upload = requireUpload(state, id);
  const { claim } = upload;
  const times = state.claims.get(id);
  if (claim?.holder === undefined || claim.token !== token || !times) return;
  state.claims.set(id, { wantedAt: now, ...times });
  put(state, upload, { ...claim, isWanted: true });
}

export function release(state: RecordState, { id, token }: ChangeOf<"release">): void {
  const upload = requireUpload(state, id);
  if (upload.claim?.token !== token) return;
  state.claims.delete(id);
  put(state, upload, { token, isWanted: false });
}

function put(state: RecordState, upload: UploadRecord, claim: Claim): void {
  state.uploads.set(upload.id, { ...upload, claim });
}
