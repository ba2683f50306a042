// Who writes these records: one server at a time, by a lock of its session and a token that every commit is conditional on.
import { hostname } from "node:os";
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
const TAKE = {
  name: "take",
  text: `UPDATE owner SET token = token + 1, holder = $1, place = coalesce(place, $2)
    WHERE place IS NULL OR place = $2 RETURNING token, commits`,
};
/** Waits for a transaction of ours that is still under way in a session that we have lost: after it, what it did is known. */
const RESUME = { name: "resume", text: "SELECT token, commits FROM owner FOR UPDATE" };
const NOTE = {
  name: "note",
  text: "UPDATE owner SET commits = $2 WHERE token = $1 RETURNING commits",
};

/** The session of a server that has just been killed may last a moment longer. */
const LOCK_WITHIN_MS = 5000;
const LOCK_TRY_MS = 100;

/**
 * Becomes the one that writes.
 *
 * @throws HoldfastError `metadata_unusable` where another server is that, or the records belong to other bytes than those at `place`.
 */
export async function takeOwnership(
  client: Client,
  driver: Driver,
  place: string,
): Promise<Ownership> {
  await lock(client, driver);
  const [row] = await ask(client, TAKE, [`${hostname()} (process ${process.pid})`, place]);
  if (row) return { token: wholeAt(row, "token"), commits: wholeAt(row, "commits") };
  const reason =
    "its records are those of another data directory; ?schema=NAME keeps others beside them";
  throw unusable(driver.place, reason);
}

/**
 * Goes on as the one that writes, over a new connection. What the lost one had under way has happened by then, or never will.
 *
 * @throws HoldfastError `storage_failed` where another server has taken over meanwhile.
 */
export async function resumeOwnership(
  client: Client,
  driver: Driver,
  token: number,
): Promise<Ownership> {
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

async function lock(client: Client, { schema, place }: Driver): Promise<void> {
  for (const started = performance.now(); ; ) {
    const [row] = await ask(client, TRY_LOCK, [`holdfast ${schema}`]);
    if (row?.["is_ours"] === 1) return;
    if (performance.now() - started > LOCK_WITHIN_MS) break;
    await new Promise((resolve) => setTimeout(resolve, LOCK_TRY_MS));
  }
  const [row] = await ask(client, HOLDER);
  const reason = `another server uses its records: ${row?.["holder"] ?? "unknown"}; servers that share bytes and records are not supported with the disk as storage`;
  throw unusable(place, reason);
}

/** Nothing that this server knows of the records may be trusted any more. */
export class TakenOverError extends HoldfastError {}

function takenOver(): HoldfastError {
  return new TakenOverError("storage_failed", "another server has taken these records over");
}
