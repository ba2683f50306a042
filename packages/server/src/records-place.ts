// Where the records of a data directory are: in it, or in a PostgreSQL, never in both. A mark in the directory names the bytes that records elsewhere are of.
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { MetadataStore } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import type { Bytes } from "./bytes.ts";
import { replaceFile } from "./durable-file.ts";
import { openSqliteMetadata } from "./metadata/sqlite/index.ts";

const RECORDS_FILE = "records.sqlite";
const MARK_FILE = "metadata.json";

export interface RecordsOptions {
  /** The data directory, which the caller owns. */
  readonly directory: string;
  /** The address of a PostgreSQL; undefined for records in the directory. */
  readonly address: string | undefined;
  /** What the records are of. */
  readonly bytes: Pick<Bytes, "storage" | "place" | "naming" | "where" | "requireUnknown">;
  readonly onFatal: (error: HoldfastError) => void;
  /** A name that somebody has given to the records, and that no bucket ever got: they may be named anew. */
  readonly replaces?: string;
}

/** Whether somebody has kept records of bytes in the directory, or said where they are. */
export function hasRecords(directory: string): boolean {
  return [RECORDS_FILE, MARK_FILE].some((name) => existsSync(join(directory, name)));
}

/**
 * Opens the records that belong to the bytes of the directory.
 *
 * Bytes that no record knows are set aside: so records that are not theirs, or not there yet, are refused and nothing is touched.
 *
 * @throws HoldfastError `data_dir_unusable` where its records are elsewhere than `address` says; `metadata_unusable`
 */
export async function openRecords(options: RecordsOptions): Promise<MetadataStore> {
  const { directory, address, onFatal, bytes, replaces } = options;
  const mark = join(directory, MARK_FILE);
  const path = join(directory, RECORDS_FILE);
  if (address === undefined) {
    if (existsSync(mark)) throw refused(directory, ...ELSEWHERE);
    return openSqliteMetadata({ path, onFatal });
  }
  if (existsSync(path)) throw refused(directory, ...HERE);
  const known = readMark(directory, mark);
  // Bytes in a bucket have a name there, which is that of all servers that share it.
  const place = bytes.place ?? known ?? randomUUID();
  if (known !== undefined && known !== place) throw refused(directory, ...OTHERS);
  const keepMark = () => {
    if (known === undefined) replaceFile(mark, `${JSON.stringify({ place })}\n`);
  };
  async function keepPlace(): Promise<void> {
    await bytes.requireUnknown();
    // What is about to be named may just have been named by another server; its name stands in the directory already.
    if (!bytes.naming) keepMark();
  }
  const name = `${hostname()}:${directory}, process ${process.pid}`;
  const { openPostgresMetadata } = await import("./metadata/postgres/index.ts");
  // A disk is one host's, and so are the records of what lies on it.
  const isShared = bytes.storage.kind === "parts";
  const { where, naming } = bytes;
  const names = { place, where, keepPlace, namePlace: naming?.keep, replaces };
  const store = await openPostgresMetadata({ address, isShared, name, onFatal, ...names });
  keepMark();
  return store;
}

type Refusal = readonly [reason: string, hint: string];

const ELSEWHERE: Refusal = [
  "its records are in a PostgreSQL, and none is named",
  "Start with --metadata postgres://HOST/DATABASE (HOLDFAST_METADATA): without its records every file in it would count as unknown.",
];
const HERE: Refusal = [
  `its records are in it (${RECORDS_FILE}), and --metadata names others`,
  "Start without --metadata, or give --data another directory: records do not move from one to the other.",
];
const OTHERS: Refusal = [
  "its records are those of other bytes than those in the bucket that is named",
  "Name the bucket that they are of, or give --data another directory.",
];

function readMark(directory: string, path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const mark: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof mark === "object" && mark && "place" in mark && typeof mark.place === "string") {
      return mark.place;
    }
  } catch (cause) {
    throw damaged(directory, cause);
  }
  throw damaged(directory);
}

function damaged(directory: string, cause?: unknown): HoldfastError {
  const reason = `${MARK_FILE} in it, which names the records that are its own, cannot be read`;
  return refused(directory, reason, "Put back a copy of that file.", cause);
}

function refused(path: string, reason: string, hint: string, cause?: unknown): HoldfastError {
  const details = { path, reason, hint };
  return new HoldfastError("data_dir_unusable", `${path}: ${reason}`, details, cause);
}
