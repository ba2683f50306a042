// Connections to PostgreSQL: how long anything may take, and values as the records have them.
import { HoldfastError } from "@holdfast/protocol";
import type { Client, ClientConfig, Pool, QueryConfig } from "pg";
import type { Row } from "../records/codec.ts";

/** A statement by its name, under which each connection prepares it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface Driver {
  createClient(): Client;
  createPool(size: number): Pool;
  /** The schema that the tables are in, as an SQL name. */
  readonly schema: string;
  /** Where it is, without the password. */
  readonly place: string;
}

/** In milliseconds. PostgreSQL ends a statement first; the client's own limit is for a line that is silent. */
const CONNECT_MS = 5000;
const LOCK_MS = 5000;
const STATEMENT_MS = 10_000;
const ANSWER_MS = 15_000;

/** So that the sessions of a host that has vanished end soon, and with them what they hold. */
const KEEP_ALIVE =
  "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3";
const OPTIONS = `${KEEP_ALIVE} -c client_min_messages=warning -c bytea_output=hex`;

/**
 * Loads the driver.
 *
 * @throws HoldfastError `metadata_unusable` where it is not installed or the address is none.
 */
export async function loadDriver(address: string): Promise<Driver> {
  const { config, schema, place } = configure(address);
  const { default: pg } = await import("pg").catch((cause: unknown) => {
    if (!isMissing(cause)) throw cause;
    const reason = "the package pg, which speaks to PostgreSQL, is not installed";
    const hint = "Install it beside Holdfast: npm install pg (npm install --global pg).";
    throw new HoldfastError("metadata_unusable", reason, { reason, hint }, cause);
  });
  return {
    createClient: () => new pg.Client({ ...config, pipeline: true }),
    createPool: (max) => new pg.Pool({ ...config, max, idleTimeoutMillis: 60_000 }),
    schema: pg.escapeIdentifier(schema),
    place,
  };
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND";
}

interface Address {
  readonly config: ClientConfig;
  readonly schema: string;
  readonly place: string;
}

/** `?schema=NAME` names the schema of the tables; everything else is the driver's. */
function configure(address: string): Address {
  const url = URL.parse(address);
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || !isDecodable(url)) {
    const reason = "the address of a PostgreSQL is postgres://USER:PASSWORD@HOST:PORT/DATABASE";
    throw new HoldfastError("metadata_unusable", reason, { reason });
  }
  const schema = url.searchParams.get("schema") ?? "holdfast";
  // What the address says would count instead of ours: of two, the server takes the later one.
  const options = [url.searchParams.get("options") ?? "", OPTIONS].join(" ");
  for (const name of ["schema", "options"]) url.searchParams.delete(name);
  const config = {
    connectionString: url.href,
    application_name: "holdfast",
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    options,
    types: { getTypeParser: parserOf },
  };
  return { config, schema, place: `${url.host}${url.pathname}` };
}

/** The driver decodes these, and would show the whole address where it cannot. */
function isDecodable({ username, password, hostname, pathname }: URL): boolean {
  try {
    for (const part of [username, password, hostname, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

/** The types of our columns, by PostgreSQL's numbers for them. Everything else comes as text. */
const OID = { bytea: 17, int8: 20, int2: 21, int4: 23 } as const;
const WHOLE: ReadonlySet<number> = new Set([OID.int8, OID.int2, OID.int4]);

/** Whole numbers are below 2^53 wherever records have them. */
function parserOf(oid: number): (text: string) => unknown {
  if (WHOLE.has(oid)) return Number;
  // A copy of its own: the driver's is a view into a pool of its own.
  if (oid === OID.bytea) return (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"));
  return (text) => text;
}

/** Rows of one statement. Values go in their text form; bytes come back as our own copy. */
export async function ask(
  client: Pick<Client, "query">,
  statement: Statement,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const query: QueryConfig = { ...statement, values: [...values] };
  const { rows } = await client.query<Record<string, Row[string]>>(query);
  return rows;
}
