// What claims between hosts do to the tables, by the clock of the store that has them.
import { wholeAt } from "./codec.ts";
import { type ChangeOf, claimLost, claimOf, requireToken, requireUpload } from "./found.ts";
import type { Tables } from "./tables.ts";

export function claim(tables: Tables, change: ChangeOf<"claim">): void {
  const upload = requireUpload(tables, change.id);
  const known = claimOf(tables, upload);
  const { holder, token, lifeMs, patienceMs } = change;
  if (known.token === token && known.holder === holder) return;
  const now = nowOf(tables);
  const isOver = known.holder === undefined || known.until <= now;
  const { wantedAt } = known;
  const isForced =
    patienceMs !== undefined && wantedAt !== undefined && wantedAt + patienceMs <= now;
  if (token !== known.token + 1 || !(isOver || isForced)) {
    throw claimLost(known, isOver ? {} : { leftMs: known.until - now });
  }
  tables.setClaim.run({ seq: upload.seq, token, holder, until: now + lifeMs, wanted_at: null });
}

export function renew(tables: Tables, { id, token, lifeMs }: ChangeOf<"renew">): void {
  const upload = requireUpload(tables, id);
  requireToken(tables, upload, token);
  const { holder = null, until, wantedAt = null } = claimOf(tables, upload);
  const later = Math.max(until, nowOf(tables) + lifeMs);
  tables.setClaim.run({ seq: upload.seq, token, holder, until: later, wanted_at: wantedAt });
}

export function want(tables: Tables, { id, token }: ChangeOf<"want">): void {
  const upload = requireUpload(tables, id);
  const { holder, until, wantedAt, token: stands } = claimOf(tables, upload);
  if (holder === undefined || stands !== token || wantedAt !== undefined) return;
  tables.setClaim.run({ seq: upload.seq, token, holder, until, wanted_at: nowOf(tables) });
}

export function release(tables: Tables, { id, token }: ChangeOf<"release">): void {
  const upload = requireUpload(tables, id);
  if (claimOf(tables, upload).token !== token) return;
  tables.setClaim.run({ seq: upload.seq, token, holder: null, until: 0, wanted_at: null });
}

/** Milliseconds since 1970. */
function nowOf(tables: Tables): number {
  return wholeAt(tables.findNow.get({}) ?? {}, "now");
}
