// Whether something on the way hands a session of PostgreSQL from one client to another: locks and prepared statements are the session's, and would be anybody's.
import type { Client } from "pg";
import { ask, type Driver } from "./connect.ts";
import { unusable } from "./schema.ts";

const PID = { name: "", text: "SELECT pg_backend_pid() AS pid" };
/** Others may use the pooler too, and take a session just then. */
const LOOKS = 5;

/**
 * Who is served by the process that the connection was told of has a session of its own. Behind a pooler, which tells a number of its own, a second connection is asked beside
 * the first one: where both are served by one process, or one of them by several, sessions are handed round.
 *
 * @throws HoldfastError `metadata_unusable` where they are.
 */
export async function requireOwnSession(client: Client, driver: Driver): Promise<void> {
  const first = await pidOf(client);
  if (first === Number(Reflect.get(client, "processID"))) return;
  const other = driver.createClient();
  // What it meets is what its query meets.
  other.on("error", () => undefined);
  try {
    await other.connect();
    for (let looks = 0; looks < LOOKS; looks++) {
      const theirs = await pidOf(other);
      const ours = await pidOf(client);
      if (theirs === ours || ours !== first) throw unusable(driver.place, HANDED_ROUND, { hint });
    }
  } finally {
    await other.end().catch(() => undefined);
  }
}

const HANDED_ROUND = "a pooler on the way hands its sessions from one client to another";
const hint =
  "Name the address of PostgreSQL itself, or have the pooler keep a session for each client (PgBouncer: pool_mode = session).";

async function pidOf(client: Client): Promise<number> {
  const [row] = await ask(client, PID);
  return Number(row?.["pid"]);
}
