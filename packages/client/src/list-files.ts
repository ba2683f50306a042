// The files of a tenant, newest first, a page at a time.
import { decodeFile, decodeHex, HoldfastError, type ListedFile } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import { parseJson } from "./parse-json.ts";
import type { WireAnswer } from "./wire.ts";

export interface FilePage {
  readonly files: readonly ListedFile[];
  /** Where the next page begins, which may be empty; undefined where there is none. */
  readonly next: string | undefined;
}

export interface ListFilesOptions extends AskOptions {
  /** The server's address. */
  readonly to: string;
  /** Files a page at most, from 1 to 1000. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: string;
}

/** Resolves with a page of files. May be repeated. @throws HoldfastError `unauthorized`, `forbidden`, and what a question may meet */
export async function listFiles(options: ListFilesOptions, ports: AskPorts): Promise<FilePage> {
  const { to, limit, after } = options;
  const server = checkAddress(to, options.token !== undefined);
  const query = new URLSearchParams();
  if (limit !== undefined) query.set("limit", String(limit));
  if (after !== undefined) query.set("after", after);
  const url = `${server}/v1/files${query.size > 0 ? `?${query}` : ""}`;
  return ask({ method: "GET", url }, readPage, options, ports);
}

async function readPage(answer: WireAnswer): Promise<FilePage> {
  const page = membersOf(parseJson(await answer.text()));
  const [files, next] = [page.get("files"), page.get("next")];
  if (!Array.isArray(files) || (next !== undefined && typeof next !== "string")) throw noPage();
  return { files: files.map(readFile), next };
}

function readFile(value: unknown): ListedFile {
  const members = membersOf(value);
  const [name, type, createdAt] = ["name", "type", "createdAt"].map((key) => members.get(key));
  if (typeof name !== "string" || typeof type !== "string" || typeof createdAt !== "number")
    throw noPage();
  const hex = members.get("sha256");
  const sha256 = typeof hex === "string" ? decodeHex(hex) : undefined;
  try {
    return { ...decodeFile(value), name, type, createdAt, ...(sha256 ? { sha256 } : {}) };
  } catch (cause) {
    throw noPage(cause);
  }
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null) throw noPage();
  return new Map(Object.entries(value));
}

function noPage(cause?: unknown): HoldfastError {
  return new HoldfastError("not_holdfast", "the answer is no list of files", {}, cause);
}
