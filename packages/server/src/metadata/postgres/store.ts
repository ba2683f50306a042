// The metadata store on PostgreSQL: changes go through the one connection that writes, reads over a few others.
import { hostname } from "node:os";
import type { MetadataStore } from "@holdfast/engine";
import type { HoldfastError } from "@holdfast/protocol";
import { createStore } from "../records/store.ts";
import { loadDriver } from "./connect.ts";
import { openReader } from "./reader.ts";
import { openWriter } from "./writer.ts";

export interface PostgresMetadataOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; `?schema=NAME` names the schema of the tables, `holdfast` by default. */
  readonly address: string;
  /** Names the bytes that the records are of: records of other bytes are refused. */
  readonly place: string;
  /** Called before records that are of no bytes yet become those of `place`; what it throws is thrown, and they have not. */
  readonly keepPlace?: () => Promise<void>;
  /** Where the bytes have no name yet: called once the records have it, and gives it to the bytes, too. What it throws is thrown; the records may be named anew then. */
  readonly namePlace?: (() => Promise<void>) | undefined;
  /** Where the bytes are, in words: as long as they have no name, any server of these may give them the one that the records have. */
  readonly where?: string | undefined;
  /** A name of the records that their bytes never got, nor ever will: they may be named anew. */
  readonly replaces?: string | undefined;
  /** Whether other servers may write these records too, as may be where they share the bytes. */
  readonly isShared?: boolean;
  /** Names this server to whoever is refused because of it; its host and process by default. */
  readonly name?: string;
  /** How long a change or a read waits while PostgreSQL is away, in milliseconds; 10 s by default. */
  readonly patienceMs?: number;
  /** Called once when nobody knows what is stored, or another server has taken over: the process should end, a new start reads it. */
  readonly onFatal?: (error: HoldfastError) => void;
}

/** A restart takes less. Clients wait for 30 s without a byte: they are to hear what is the matter before. */
const PATIENCE_MS = 10_000;

/**
 * Opens the records, making their tables where there are none.
 *
 * @throws HoldfastError `metadata_unusable` where they cannot be used: not reached, of a newer version, careless about flushes, in use by another server.
 */
export async function openPostgresMetadata(
  options: PostgresMetadataOptions,
): Promise<MetadataStore> {
  const { address, place, isShared = false, patienceMs = PATIENCE_MS } = options;
  const { name = `${hostname()}, process ${process.pid}` } = options;
  const driver = await loadDriver(address);
  const company = isShared ? "together" : "alone";
  const { where, namePlace, replaces } = options;
  const keepPlace = async () => options.keepPlace?.();
  const claimant = { name, place, where, company, keepPlace, namePlace, replaces } as const;
  const onFatal = (error: HoldfastError) => options.onFatal?.(error);
  const writer = await openWriter({ driver, claimant, patienceMs, onFatal });
  return createStore(writer, openReader(driver, patienceMs));
}
