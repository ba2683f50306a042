// The tokens of a data directory: made, listed and revoked by a command, seen by the server within a second.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Limits, Log, Random } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { withSettingsLock } from "../locked.ts";
import { systemClock, systemRandom } from "../platform.ts";
import { readSettingsFile, writeSettingsFile } from "../settings-file.ts";
import { type WatchedFile, watchFile } from "../watched-file.ts";
import {
  decodeTable,
  encodeTable,
  isTokenName,
  isWord,
  type Scope,
  TOKENS_FILE,
  type TokenEntry,
  type TokenTable,
} from "./table.ts";
import { makeToken } from "./token.ts";

/** What a new token is to be. */
export interface TokenWants {
  readonly name: string;
  readonly tenant: string;
  /** Its name or else its id, where it is absent. */
  readonly principal?: string | undefined;
  readonly scopes: readonly Scope[];
  /** Milliseconds until it ends; without it, it does not. */
  readonly ttlMs?: number | undefined;
  readonly limits?: Readonly<Partial<Record<keyof Limits, number | undefined>>>;
}

/** An entry without what nobody needs to see. */
export type TokenInfo = Omit<TokenEntry, "hash">;

export interface MadeToken {
  readonly info: TokenInfo;
  /** The token itself: it cannot be shown again. */
  readonly token: string;
}

/** @throws HoldfastError `usage`, `data_dir_unusable` */
export function createToken(
  dataDir: string,
  wants: TokenWants,
  { clock, random }: { readonly clock: Pick<Clock, "now">; readonly random: Random } = {
    clock: systemClock,
    random: systemRandom,
  },
): MadeToken {
  checkWants(wants);
  return withSettingsLock(dataDir, (directory) => {
    const table = readTable(directory) ?? new Map<string, TokenEntry>();
    let made = makeToken(random);
    while (table.has(made.id)) made = makeToken(random);
    const { name, tenant, principal, scopes, ttlMs, limits = {} } = wants;
    const createdAt = clock.now();
    const named = isWord(name) ? name : made.id;
    const entries = Object.entries(limits).filter(([, value]) => value !== undefined);
    const info: TokenInfo = {
      id: made.id,
      name,
      tenant,
      principal: principal ?? named,
      scopes,
      createdAt,
      ...(ttlMs === undefined ? {} : { expiresAt: createdAt + ttlMs }),
      ...(entries.length === 0 ? {} : { limits: Object.fromEntries(entries) }),
    };
    writeTable(directory, new Map([...table, [made.id, { ...info, hash: made.hash }]]));
    return { info, token: made.text };
  });
}

/** Whether a server on this directory wants tokens. */
export function hasTokens(dataDir: string): boolean {
  return existsSync(join(dataDir, TOKENS_FILE));
}

/** In the order in which they were made. @throws HoldfastError `data_dir_unusable` */
export function listTokens(dataDir: string): readonly TokenInfo[] {
  return [...(readTable(dataDir) ?? new Map()).values()].map(({ hash: _, ...info }) => info);
}

/**
 * Ends a token, by its id. A server that runs refuses it within a second. @returns how many there still are.
 *
 * Where none is left the list stays, empty: a directory that once wanted tokens never opens to everybody by itself.
 * @throws HoldfastError `usage` where there is no such token, `data_dir_unusable`
 */
export function revokeToken(dataDir: string, id: string): number {
  return withSettingsLock(dataDir, (directory) => {
    const table = new Map(readTable(directory));
    if (!table.delete(id)) {
      const hint = "`holdfast token list` shows the ids; an id is the middle part of its token.";
      throw new HoldfastError("usage", "there is no such token", { hint });
    }
    writeTable(directory, table);
    return table.size;
  });
}

/**
 * The tokens as a running server sees them.
 *
 * @throws HoldfastError `data_dir_unusable` at once where the file cannot be used: a server that cannot know who may come in does not start.
 */
export function watchTokens(directory: string, clock: Clock, log: Log): WatchedFile<TokenTable> {
  readTable(directory);
  const file = watchFile(join(directory, TOKENS_FILE), clock, decodeTable, (error) =>
    log("error", "tokens cannot be read: nobody who needs one comes in", { error }),
  );
  file.current();
  return file;
}

function readTable(directory: string): TokenTable | undefined {
  const remedy = "Put back a copy of it, or remove it and make new tokens";
  return readSettingsFile(join(directory, TOKENS_FILE), decodeTable, remedy);
}

function writeTable(directory: string, table: TokenTable): void {
  writeSettingsFile(join(directory, TOKENS_FILE), encodeTable(table));
}

function checkWants({ name, tenant, principal, scopes, ttlMs }: TokenWants): void {
  if (!isTokenName(name)) throw wrong("a name has at most 100 characters, none of them a control");
  for (const word of [tenant, principal]) {
    if (word !== undefined && !isWord(word)) {
      throw wrong(
        "tenant and principal have 1 to 64 letters, digits and @._+-, a letter or digit first",
      );
    }
  }
  if (scopes.length === 0) throw wrong("a token needs at least one scope: read, write or admin");
  if (ttlMs !== undefined && !(ttlMs > 0))
    throw wrong("a token that has ended already is of no use");
}

function wrong(message: string): HoldfastError {
  return new HoldfastError("usage", message);
}
