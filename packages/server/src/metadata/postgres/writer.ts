// The one connection that writes: groups one after another, tried again while PostgreSQL is away, their outcome read back where the answer was lost.
import type { Change } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import type { Client } from "pg";
import { type PackedChange, packChange } from "../records/packed.ts";
import type { Driver } from "./connect.ts";
import { type Failure, failureOf, stateOf } from "./failure.ts";
import { type Outcome, type Outcomes, prepareGroup } from "./group.ts";
import {
  type Claimant,
  leaveOwnership,
  type Ownership,
  resumeOwnership,
  TakenOverError,
  takeOwnership,
} from "./owner.ts";
import { requireOwnSession } from "./pooler.ts";
import { prepareTables, unusable, useSchema } from "./schema.ts";

export interface Writer {
  /** Resolves when the change is durable, with the upload's version that it has made. */
  apply(change: Change): Promise<number | undefined>;
  /** Resolves when everything given to `apply` has settled. */
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly driver: Driver;
  readonly claimant: Claimant;
  readonly onFatal: (error: HoldfastError) => void;
  /** How long a change waits for PostgreSQL, in milliseconds. */
  readonly patienceMs: number;
}

interface Waiting {
  readonly change: PackedChange;
  /** By `performance.now`: if it was not begun by then, it is refused. */
  readonly until: number;
  readonly resolve: (version: number | undefined) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** A commit that was sent, and whose answer was lost: its number tells afterwards whether it has happened. */
interface Doubt {
  readonly number: number;
  readonly outcomes: Outcomes;
}

type Attempt =
  | { readonly outcomes: Outcomes }
  | { readonly outcomes?: never; readonly failure: Failure; readonly doubt?: Doubt | undefined };

/** Changes in one transaction: what waits longer than this is better committed in two. */
const GROUP_MAX = 512;
const COLLISIONS_MAX = 3;
const RETRY_FIRST_MS = 20;
const RETRY_MAX_MS = 1000;
const STARTING = "57P03";
const STARTING_MS = 60_000;

/** @throws HoldfastError `metadata_unusable` */
export async function openWriter(options: WriterOptions): Promise<Writer> {
  const { driver, claimant } = options;
  const session = await connectFirst(driver).catch((cause: unknown) => {
    throw unreached(driver.place, cause);
  });
  try {
    await requireOwnSession(session.client, driver);
    await prepareTables(session.client, driver);
    await useSchema(session.client, driver.schema);
    return run(options, session, await takeOwnership(session.client, driver, claimant));
  } catch (error) {
    session.drop();
    throw error;
  }
}

/** One that is starting up, perhaps with the same machine, has a log to go through first. */
async function connectFirst(driver: Driver): Promise<Session> {
  const until = performance.now() + STARTING_MS;
  for (;;) {
    try {
      return await connect(driver);
    } catch (cause) {
      if (stateOf(cause) !== STARTING || performance.now() > until) throw cause;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MAX_MS / 4));
  }
}

function unreached(place: string, cause: unknown): HoldfastError {
  const said = cause instanceof Error && cause.message !== "" ? cause.message : "nobody answers";
  if (/unsupported startup parameter/.test(said)) {
    return unusable(place, said, { cause, hint: POOLER });
  }
  if (!/password must be a (?:non-empty )?string/.test(said)) {
    return unusable(place, said, { cause, hint: UNREACHED });
  }
  return unusable(place, "it asks for a password, and there is none", { cause, hint: NO_PASSWORD });
}

const UNREACHED =
  "Is it running, and is the address right? What is stored is untouched; start again once it answers.";
const POOLER =
  "A pooler on the way, such as PgBouncer, refuses what sessions of ours are set to: name the address of PostgreSQL itself.";
const NO_PASSWORD =
  "Put it into the file that PGPASSFILE names (~/.pgpass), into PGPASSWORD, or into the address in HOLDFAST_METADATA.";

interface Session {
  readonly client: Client;
  /** Of PostgreSQL's process that serves it. */
  readonly pid: number;
  readonly isLost: () => boolean;
  /** Closes the connection at once, whatever is under way on it. */
  drop(): void;
  end(): Promise<void>;
}

async function connect(driver: Driver): Promise<Session> {
  const client = driver.createClient();
  let isLost = false;
  // Told to whoever has a query under way, too; without a listener it would end the process.
  client.on("error", () => {
    isLost = true;
  });
  client.on("end", () => {
    isLost = true;
  });
  const drop = () => {
    isLost = true;
    // The driver's own way to close waits for an answer.
    client.end().catch(() => undefined);
    const stream: unknown = Reflect.get(Reflect.get(client, "connection") ?? {}, "stream");
    if (stream instanceof Object && "destroy" in stream && typeof stream.destroy === "function") {
      stream.destroy();
    }
  };
  try {
    await client.connect();
  } catch (cause) {
    drop();
    throw cause;
  }
  const pid = Number(Reflect.get(client, "processID"));
  return { client, pid, isLost: () => isLost, drop, end: () => client.end() };
}

function run(options: WriterOptions, first: Session, owned: Ownership): Writer {
  const { driver, claimant, patienceMs, onFatal } = options;
  const { writer } = owned;
  let session: Session | undefined = first;
  let lastPid = first.pid;
  let last = owned.commits;
  let waiting: Waiting[] = [];
  let working: Promise<void> | undefined;
  let fatal: HoldfastError | undefined;
  let isClosing = false;

  /** The session, connected anew where it was lost; with the number of the last commit that has happened. */
  async function connected(): Promise<Session> {
    if (session && !session.isLost()) return session;
    session = undefined;
    const next = await connect(driver);
    try {
      await useSchema(next.client, driver.schema);
      const before = { writer, lost: lastPid };
      const resumed = await resumeOwnership(next.client, driver, claimant.company, before);
      if (resumed.commits < last) throw wentBack(last - resumed.commits);
      last = resumed.commits;
    } catch (error) {
      next.drop();
      throw error;
    }
    session = next;
    lastPid = next.pid;
    return next;
  }

  /**
   * Makes a group of changes. Rejects where none of them has happened, or, with `fatal` set, where nobody can tell.
   *
   * As long as nobody can tell it goes on asking, beyond all patience: whoever was told that a commit has not happened could write over what it recorded.
   */
  async function commitGroup(changes: readonly PackedChange[]): Promise<Outcomes> {
    const until = performance.now() + patienceMs;
    let doubt: Doubt | undefined;
    let collisions = 0;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(RETRY_MAX_MS, delayMs * 2)) {
      const attempt = await tryOnce(changes, doubt);
      if (attempt.outcomes) return attempt.outcomes;
      const { failure } = attempt;
      doubt = attempt.doubt;
      if (failure.error instanceof TakenOverError) throw end(failure.error);
      // The next reading shows a row that somebody else added first; one that it does not show will be in the way for ever.
      if (failure.reach === "taken") collisions++;
      const isData = failure.reach === "data" || collisions > COLLISIONS_MAX;
      if (isData && changes.length > 1) return oneByOne(changes);
      if (doubt) {
        if (isClosing) throw end(failure.error);
        refuseLate(failure.error);
      } else if (isData || failure.reach === "group" || performance.now() + delayMs > until) {
        throw failure.error;
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  /** Who waits behind a group in doubt has nothing under way, and may be told to come again. */
  function refuseLate(why: HoldfastError): void {
    const now = performance.now();
    for (const { until, reject } of waiting) if (until <= now) reject(why);
    waiting = waiting.filter(({ until }) => until > now);
  }

  async function tryOnce(
    changes: readonly PackedChange[],
    before: Doubt | undefined,
  ): Promise<Attempt> {
    let client: Client;
    try {
      ({ client } = await connected());
    } catch (cause) {
      const { reach, error } = failureOf(cause);
      // Whatever keeps this server from the records now, such as a session of its own that has not ended yet, may be over at the next try.
      return { failure: { reach: reach === "group" ? "lost" : reach, error }, doubt: before };
    }
    if (before && last === before.number) return before;
    let doubt: Doubt | undefined;
    try {
      const { outcomes, commit } = await prepareGroup(client, changes, writer, last + 1);
      doubt = { number: last + 1, outcomes };
      await commit();
      last = doubt.number;
      return doubt;
    } catch (cause) {
      const failure = failureOf(cause);
      if (failure.reach === "lost") {
        session?.drop();
        return { failure, doubt };
      }
      // PostgreSQL itself has answered: the transaction is undone.
      await undo();
      return { failure };
    }
  }

  /** Leaves a connection without a transaction, or none. */
  async function undo(): Promise<void> {
    await session?.client.query("ROLLBACK").catch(() => session?.drop());
  }

  async function oneByOne(changes: readonly PackedChange[]): Promise<Outcomes> {
    const outcomes: Outcome[] = [];
    for (const change of changes) {
      const one = await commitGroup([change]).catch((cause: unknown) => [
        { refused: failureOf(cause).error },
      ]);
      outcomes.push(...one);
    }
    return outcomes;
  }

  /** Nothing may be written any more. */
  function end(error: HoldfastError): HoldfastError {
    if (!fatal) {
      fatal = error;
      onFatal(error);
    }
    return error;
  }

  async function work(): Promise<void> {
    // One group a turn of the event loop at most: what belongs together travels together.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP_MAX);
      waiting = waiting.slice(GROUP_MAX);
      try {
        if (fatal) throw stopped(fatal);
        const outcomes = await commitGroup(group.map(({ change }) => change));
        for (const [at, { resolve, reject }] of group.entries()) {
          const outcome = outcomes[at];
          if (outcome?.refused) reject(outcome.refused);
          else resolve(outcome?.version);
        }
      } catch (cause) {
        const { error } = failureOf(cause);
        for (const { reject } of group) reject(error);
      }
    }
    working = undefined;
  }

  return {
    async apply(change) {
      if (fatal) throw stopped(fatal);
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      const until = performance.now() + patienceMs;
      waiting.push({ change: packChange(change), until, resolve, reject });
      working ??= work();
      return promise;
    },
    async close() {
      isClosing = true;
      await working;
      if (!session || session.isLost()) return;
      // One that is left is removed by others, some day.
      if (!fatal) await leaveOwnership(session.client, owned).catch(() => undefined);
      await session.end();
    },
  };
}

/** As after a failover to a standby that lagged: what this process remembers of uploads is more than the records have. */
function wentBack(count: number): HoldfastError {
  const what = `${count} acknowledged commit${count === 1 ? "" : "s"} of this server`;
  return new TakenOverError("storage_failed", `the records have lost ${what}`);
}

function stopped(cause: HoldfastError): HoldfastError {
  const message = "the records take no change any more; a new start finds out what is stored";
  return new HoldfastError("storage_failed", message, {}, cause);
}
