// keys.json: the master keys of a data directory, made at the first start, rotated by a command, seen by a running server.
import { join } from "node:path";
import type { Clock, Log, Random } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { withSettingsLock } from "../locked.ts";
import { systemRandom } from "../platform.ts";
import { readSettingsFile, writeSettingsFile } from "../settings-file.ts";
import { watchFile } from "../watched-file.ts";
import { type Keyring, keyringOf, readMasterKey } from "./keyring.ts";

const KEYS_FILE = "keys.json";
const VERSION = 1;
const MASTER_BYTES = 32;

/** Master keys in hexadecimal or base64. */
export interface MasterKeys {
  readonly current: string;
  readonly previous?: string | undefined;
}

/**
 * Makes a new key the current one. Addresses that the last one signed stay good, those of the one before end. @returns the id of the new one
 *
 * A server that runs uses it within a second. @throws HoldfastError `data_dir_unusable`, `weak_key`
 */
export function rotateKeys(dataDir: string, random: Random = systemRandom): string {
  return withSettingsLock(dataDir, (directory) => {
    const before = readKeys(directory);
    const current = Buffer.from(random.bytes(MASTER_BYTES)).toString("base64");
    writeKeys(directory, { current, previous: before?.current });
    return keyringOf(readMasterKey(current, KEYS_FILE)).current.kid;
  });
}

/**
 * The keys that a server signs with and accepts.
 *
 * Where none could be made, as on a full disk, the server starts all the same: everything but signed addresses works.
 * @param given Keys that the operator keeps elsewhere: then the file is not looked at.
 * @throws HoldfastError `weak_key`, `data_dir_unusable`; each call of what it returns: `storage_failed` where the keys cannot be read now.
 */
export function openKeys(
  directory: string,
  given: MasterKeys | undefined,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): () => Keyring {
  if (given) {
    const { previous } = given;
    const keyring = keyringOf(
      readMasterKey(given.current, "HOLDFAST_KEY"),
      previous === undefined ? undefined : readMasterKey(previous, "HOLDFAST_KEY_PREVIOUS"),
    );
    return () => keyring;
  }
  try {
    if (!readKeys(directory)) rotateKeys(directory, random);
  } catch (error) {
    if (!isHoldfastError(error) || !isNoRoom(error)) throw error;
    log("error", "no key could be made: signed addresses are refused", { error });
  }
  const file = watchFile(join(directory, KEYS_FILE), clock, decodeKeys, (error) =>
    log("error", "keys cannot be read: signed addresses are refused", { error }),
  );
  return () => {
    const keyring = file.current();
    if (keyring) return keyring;
    throw new HoldfastError("storage_failed", "there is no key to sign with");
  };
}

function isNoRoom({ cause }: HoldfastError): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOSPC";
}

/** @throws HoldfastError `data_dir_unusable`, `weak_key` */
function readKeys(directory: string): MasterKeys | undefined {
  const remedy = "Put back a copy of it, or remove it: then signed addresses end";
  const decode = (text: string): MasterKeys => {
    decodeKeys(text);
    return parseKeys(text);
  };
  return readSettingsFile(join(directory, KEYS_FILE), decode, remedy);
}

function decodeKeys(text: string): Keyring {
  const { current, previous } = parseKeys(text);
  return keyringOf(
    readMasterKey(current, KEYS_FILE),
    previous === undefined ? undefined : readMasterKey(previous, KEYS_FILE),
  );
}

/** @throws Error that says what is wrong, without any of the text: a parser's own message would show some of it. */
function parseKeys(text: string): MasterKeys {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  if (typeof value !== "object" || value === null) throw new Error("it is no object");
  const members = new Map<string, unknown>(Object.entries(value));
  const version = members.get("version");
  if (typeof version === "number" && version > VERSION) {
    throw new Error(`it has version ${version}, written by a newer Holdfast`);
  }
  const current = members.get("current");
  const previous = members.get("previous");
  const isRight = version === VERSION && typeof current === "string";
  if (!isRight || (previous !== undefined && typeof previous !== "string")) {
    throw new Error("it has no keys");
  }
  return { current, previous };
}

function writeKeys(directory: string, keys: MasterKeys): void {
  const text = JSON.stringify({ version: VERSION, ...keys }, undefined, 2);
  writeSettingsFile(join(directory, KEYS_FILE), `${text}\n`);
}
