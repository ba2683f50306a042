// Who writes these records: one server at a time, by a lock of its session and a token that every commit is conditional on.
import { HoldfastError } from "@holdfast/protocol";
import type { Client } from "pg";
import { wholeAt } from "../records/codec.ts";
import { ask, type Driver } from "./connect.ts";
import { unusable } from "./schema.ts";

export interface Ownership {
  readonly token: number;
  /** Number of the last commit. */
  readonly commits: number;
}

const TRY_LOCK = {
  name: "try-lock",
  text: "SELECT pg_try_advisory_lock(hashtext($1), 2)::int::bigint AS is_ours",
};
const HOLDER = { name: "holder", text: "SELECT holder FROM owner" };
const OF = { name: "of", text: "SELECT place FROM owner" };
const TAKE = {
  name: "take",
  text: `UPDATE owner SET token = token + 1, holder = $1, place = coalesce(place, $2)
    WHERE place IS NULL OR place = $2 RETURNING token, commits`,
};
/** Waits for a transaction of ours that is still under way in a session that we have lost: after it, what it did is known. The lock of the row is committed like a change, so that standbys that commits wait for have all that came before it. */
const RESUME = { name: "resume", text: "SELECT token, commits FROM owner FOR UPDATE" };
const NOTE = {
  name: "note",
  text: "UPDATE owner SET commits = $2 WHERE token = $1 RETURNING commits",
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
  /** Called before records of nobody yet become those of `place`. What it throws is thrown, and they have not. */
  readonly keepPlace: () => void;
}

/**
 * Becomes the one that writes.
 *
 * @throws HoldfastError `metadata_unusable` where another server is that, or the records belong to other bytes than those at `place`.
 */
export async function takeOwnership(
  client: Client,
  driver: Driver,
  { name, place, keepPlace }: Claimant,
): Promise<Ownership> {
  await lock(client, driver);
  const [found] = await ask(client, OF);
  const known = found?.["place"] ?? null;
  if (known === null) keepPlace();
  const [row] = known === null || known === place ? await ask(client, TAKE, [name, place]) : [];
  if (row) return { token: wholeAt(row, "token"), commits: wholeAt(row, "commits") };
  const reason = `its records are those of another data directory, of ${await holderOf(client)}`;
  throw unusable(driver.place, reason, { hint: OTHER_BYTES });
}

const OTHER_BYTES =
  "Start with that directory; or keep records of your own there: ?schema=NAME at the end of --metadata.";

/**
 * Goes on as the one that writes, over a new connection. What the lost one, whose process there was `lost`, had under way has happened by then, or never will.
 *
 * @throws HoldfastError `storage_failed` where another server has taken over meanwhile.
 */
export async function resumeOwnership(
  client: Client,
  driver: Driver,
  { token, lost }: { readonly token: number; readonly lost: number },
): Promise<Ownership> {
  await ask(client, END_OURS, [lost, lockOf(driver)]);
  await lock(client, driver);
  const [row] = await ask(client, RESUME);
  const now = row && { token: wholeAt(row, "token"), commits: wholeAt(row, "commits") };
  if (now?.token !== token) throw takenOver();
  return now;
}

/** The first thing that a commit does: from here to its end nobody else can take over, nor read back what becomes of it. */
export async function noteCommit(client: Client, token: number, commit: number): Promise<void> {
  const [row] = await ask(client, NOTE, [token, commit]);
  if (!row) throw takenOver();
}

function lockOf({ schema }: Driver): string {
  return `holdfast ${schema}`;
}

async function lock(client: Client, driver: Driver): Promise<void> {
  for (const started = performance.now(); ; ) {
    const [row] = await ask(client, TRY_LOCK, [lockOf(driver)]);
    if (row?.["is_ours"] === 1) return;
    if (performance.now() - started > LOCK_WITHIN_MS) break;
    await new Promise((resolve) => setTimeout(resolve, LOCK_TRY_MS));
  }
  const reason = `another server uses its records: ${await holderOf(client)}`;
  throw unusable(driver.place, reason, { hint: ONE_SERVER });
}

const ONE_SERVER =
  "Stop that one first: bytes on a disk are one server's. Records of your own: ?schema=NAME at the end of --metadata.";

async function holderOf(client: Client): Promise<string> {
  const [row] = await ask(client, HOLDER);
  return String(row?.["holder"] ?? "unknown");
}

/** Nothing that this server knows of the records may be trusted any more. */
export class TakenOverError extends HoldfastError {}

function takenOver(): HoldfastError {
  return new TakenOverError("storage_failed", "another server has taken these records over");
}
