// Who writes these records: one server alone, or several together. Each has a row that every commit of it is conditional on, and a lock of its session.
import { HoldfastError } from "@holdfast/protocol";
import type { Client } from "pg";
import { wholeAt } from "../records/codec.ts";
import { ask, type Driver, type Statement } from "./connect.ts";
import { unusable } from "./schema.ts";

export interface Ownership {
  /** Of this server's row: no other server ever has the same. */
  readonly writer: number;
  /** Number of the last commit. */
  readonly commits: number;
}

/** `alone`: nobody else writes. `together`: all of them know how to share records. */
export type Company = "alone" | "together";

/** Held for as long as a server writes: by one alone, or by all that write together. */
const TRY_LOCK: Readonly<Record<Company, Statement>> = {
  alone: {
    name: "try-lock",
    text: "SELECT pg_try_advisory_lock(hashtext($1), 2)::int::bigint AS is_ours",
  },
  together: {
    name: "try-lock-shared",
    text: "SELECT pg_try_advisory_lock_shared(hashtext($1), 2)::int::bigint AS is_ours",
  },
};
/** Each server's own: no two of its sessions ever write. */
const TRY_OWN = {
  name: "try-own",
  text: "SELECT pg_try_advisory_lock(hashtext($1), $2::bigint::int)::int::bigint AS is_ours",
};
const HOLDER = { name: "holder", text: "SELECT holder FROM owner" };
const OF = { name: "of", text: "SELECT place, is_open, place_where FROM owner" };
/** What has its name keeps it; what has not yet is named anew by one of those who have found nobody at that name, and at no other. */
const TAKE = {
  name: "take",
  text: `UPDATE owner SET token = token + 1, holder = $1, place = $2,
      is_open = CASE WHEN place = $2 THEN least(is_open, $3::bigint) ELSE $3::bigint END,
      place_where = $5
    WHERE place IS NULL OR place = $2 OR (is_open = 1 AND place = $4) RETURNING is_open`,
};
const CLOSE = {
  name: "close",
  text: "UPDATE owner SET is_open = 0 WHERE place = $1 RETURNING place",
};
/** Who was alone here before, or together with others, commits nothing any more. */
const END_OTHERS = { name: "end-others", text: "DELETE FROM writers" };
/** Those that have ended without a word, long ago: who has just lost its session is no such, however long it has been here. */
const END_DEAD = {
  name: "end-dead",
  text: `DELETE FROM writers WHERE began_at < now() - interval '1 day' AND NOT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = writers.id
      AND classid::bigint = (hashtext($1)::bigint & 4294967295))`,
};
const ENTER = {
  name: "enter",
  text: "INSERT INTO writers (holder) VALUES ($1) RETURNING id, commits",
};
const LEAVE = { name: "leave", text: "DELETE FROM writers WHERE id = $1" };
/** Waits for a transaction of ours that is still under way in a session that we have lost: after it, what it did is known. The lock of the row is committed like a change, so that standbys that commits wait for have all that came before it. */
const RESUME = { name: "resume", text: "SELECT id, commits FROM writers WHERE id = $1 FOR UPDATE" };
/** From the first one on `began_at` is when the last one began. */
const NOTE = {
  name: "note",
  text: "UPDATE writers SET commits = $2, began_at = now() WHERE id = $1 RETURNING commits",
};

/** A session of ours that PostgreSQL has not missed yet, because the line to it fell silent, goes on holding the lock. */
const END_OURS = {
  name: "end-ours",
  text: `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE pid = $1 AND locktype = 'advisory'
    AND classid::bigint = (hashtext($2)::bigint & 4294967295) AND objid = 2 AND granted`,
};

/** The session of a server that has just been killed may last a moment longer. */
const LOCK_WITHIN_MS = 5000;
const LOCK_TRY_MS = 100;

/** Who wants to write, and of which bytes the records are. */
export interface Claimant {
  /** Told to whoever is refused because of it. */
  readonly name: string;
  /** Names the bytes that the records are of. */
  readonly place: string;
  readonly company: Company;
  /** Called before records of nobody yet become those of `place`. What it throws is thrown, and they have not. */
  readonly keepPlace: () => Promise<void>;
  /** Where the bytes are, in words. */
  readonly where: string | undefined;
  /** Where the bytes have no name yet: gives them `place`, once the records have it. Who dies before that leaves records that may be named anew. */
  readonly namePlace: (() => Promise<void>) | undefined;
  /** A name that the records have, their bytes did not get, and nobody is at any more: these may be named anew. */
  readonly replaces: string | undefined;
}

/**
 * Becomes one that writes.
 *
 * @throws HoldfastError `metadata_unusable` where another server does, and not all of them share; or the records belong to other bytes than those at `place`.
 */
export async function takeOwnership(
  client: Client,
  driver: Driver,
  { name, place, where, company, keepPlace, namePlace, replaces }: Claimant,
): Promise<Ownership> {
  await lock(client, driver, company);
  const [found = {}] = await ask(client, OF);
  const known = found["place"] ?? null;
  const mayName = known === null || (known === replaces && found["is_open"] === 1);
  if (mayName && known !== place) await keepPlace();
  const taking = [name, place, namePlace ? 1 : 0, replaces ?? null, where ?? null];
  const [taken] = mayName || known === place ? await ask(client, TAKE, taking) : [];
  if (!taken) throw await ofOthers(client, driver);
  await namePlace?.();
  if (taken["is_open"] === 1) {
    const [closed] = await ask(client, CLOSE, [place]);
    if (!closed) throw await ofOthers(client, driver);
  }
  if (company === "alone") await ask(client, END_OTHERS);
  else await ask(client, END_DEAD, [ownLockOf(driver)]);
  const [entered = {}] = await ask(client, ENTER, [name]);
  const owned = { writer: wholeAt(entered, "id"), commits: wholeAt(entered, "commits") };
  await lockOwn(client, driver, owned.writer);
  return owned;
}

async function ofOthers(client: Client, driver: Driver): Promise<HoldfastError> {
  const [found = {}] = await ask(client, OF);
  const reason = `its records are those of other bytes, of ${await holderOf(client)}`;
  const isOpen = found["is_open"] === 1;
  const whose = isOpen
    ? ({ of: "nobody yet", named: found["place"], where: found["place_where"] } as const)
    : ({ of: "others" } as const);
  return unusable(driver.place, reason, { hint: OTHER_BYTES, ...whose });
}

const OTHER_BYTES =
  "Start with those; or keep records of your own there: ?schema=NAME at the end of --metadata.";

/**
 * Goes on as one that writes, over a new connection. What the lost one, whose process there was `lost`, had under way has happened by then, or never will.
 *
 * @throws HoldfastError `storage_failed` where another server has taken over meanwhile.
 */
export async function resumeOwnership(
  client: Client,
  driver: Driver,
  company: Company,
  { writer, lost }: { readonly writer: number; readonly lost: number },
): Promise<Ownership> {
  await ask(client, END_OURS, [lost, lockOf(driver)]);
  await lock(client, driver, company);
  await lockOwn(client, driver, writer);
  const [row] = await ask(client, RESUME, [writer]);
  if (!row) throw takenOver();
  return { writer, commits: wholeAt(row, "commits") };
}

/** The first thing that a commit does: from here to its end nobody else can take over, nor read back what becomes of it. */
export async function noteCommit(client: Client, writer: number, commit: number): Promise<void> {
  const [row] = await ask(client, NOTE, [writer, commit]);
  if (!row) throw takenOver();
}

/** Nothing of this server is under way, and it will commit no more. */
export async function leaveOwnership(client: Client, { writer }: Ownership): Promise<void> {
  await ask(client, LEAVE, [writer]);
}

function lockOf({ schema }: Driver): string {
  return `holdfast ${schema}`;
}

function ownLockOf({ schema }: Driver): string {
  return `holdfast writer ${schema}`;
}

async function lock(client: Client, driver: Driver, company: Company): Promise<void> {
  if (await isLocked(client, TRY_LOCK[company], [lockOf(driver)])) return;
  const reason = `another server uses its records: ${await holderOf(client)}`;
  throw unusable(driver.place, reason, { hint: HINT[company] });
}

async function lockOwn(client: Client, driver: Driver, writer: number): Promise<void> {
  if (await isLocked(client, TRY_OWN, [ownLockOf(driver), writer])) return;
  throw unusable(driver.place, "an earlier session of this server has not ended");
}

async function isLocked(
  client: Client,
  statement: Statement,
  values: readonly unknown[],
): Promise<boolean> {
  for (const started = performance.now(); ; ) {
    const [row] = await ask(client, statement, values);
    if (row?.["is_ours"] === 1) return true;
    if (performance.now() - started > LOCK_WITHIN_MS) return false;
    await new Promise((resolve) => setTimeout(resolve, LOCK_TRY_MS));
  }
}

const HINT: Readonly<Record<Company, string>> = {
  alone:
    "Stop that one first: bytes on a disk are one server's; several share records where their bytes are in a bucket (--storage s3://). Records of your own: ?schema=NAME at the end of --metadata.",
  together:
    "Stop that one first: it is of a version, or has bytes, that are one server's. Records of your own: ?schema=NAME at the end of --metadata.",
};

async function holderOf(client: Client): Promise<string> {
  const [row] = await ask(client, HOLDER);
  return String(row?.["holder"] ?? "unknown");
}

/** Nothing that this server knows of the records may be trusted any more. */
export class TakenOverError extends HoldfastError {}

function takenOver(): HoldfastError {
  return new TakenOverError("storage_failed", "another server has taken these records over");
}
