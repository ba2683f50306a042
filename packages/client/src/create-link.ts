// A signed link: an address by which anybody may read one file for a while.
import { HoldfastError } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import { parseJson } from "./parse-json.ts";
import { jsonBody } from "./upload-job.ts";
import type { WireAnswer } from "./wire.ts";

export interface CreateLinkOptions extends AskOptions {
  /** Absolute address of the file. */
  readonly url: string;
  /** Lifetime in seconds; the server's choice by default, and at most what it allows. */
  readonly expiresIn?: number;
}

export interface Link {
  /** Absolute; whoever has it may read the file. */
  readonly url: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly expiresAt: number;
}

const FILE_PATH = /\/v1\/files\/[^/]*$/;

/** Resolves with a new link. May be repeated: each is good by itself. @throws HoldfastError `file_not_found`, `forbidden` */
export async function createLink(options: CreateLinkOptions, ports: AskPorts): Promise<Link> {
  const file = checkAddress(options.url, options.token !== undefined);
  const { expiresIn } = options;
  const request = { method: "POST", url: `${file}/links`, ...jsonBody({ expiresIn }) } as const;
  const { url, expiresAt } = await ask(request, readLink, options, ports);
  return { url: file.replace(FILE_PATH, "") + url, expiresAt };
}

async function readLink(answer: WireAnswer): Promise<Link> {
  const value = parseJson(await answer.text());
  const members = new Map<string, unknown>(Object.entries(Object(value)));
  const [url, expiresAt] = [members.get("url"), members.get("expiresAt")];
  // A path on the same server: a link must not be able to lead elsewhere.
  if (typeof url === "string" && url.startsWith("/v1/files/") && typeof expiresAt === "number")
    return { url, expiresAt };
  throw new HoldfastError("not_holdfast", "the answer is no link");
}
