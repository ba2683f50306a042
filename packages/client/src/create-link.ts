// A signed link: an address by which anybody may read one file, or what there is of an upload, for a while; and taking one back.
import { HoldfastError, isLinkId } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import { parseJson } from "./parse-json.ts";
import { jsonBody } from "./upload-job.ts";
import type { WireAnswer } from "./wire.ts";

export interface CreateLinkOptions extends AskOptions {
  /** Absolute address of the file, or of the upload. */
  readonly url: string;
  /** Lifetime in seconds; the server's choice by default, and at most what it allows. */
  readonly expiresIn?: number;
}

export interface Link {
  /** To take it back by; no secret. A server of before has none. */
  readonly id?: string;
  /** Absolute; whoever has it may read the file. */
  readonly url: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly expiresAt: number;
}

const PATH = /\/v1\/(?:files|uploads)\/[^/]*$/;

/** Resolves with a new link. May be repeated: each is good by itself. @throws HoldfastError `file_not_found`, `forbidden` */
export async function createLink(options: CreateLinkOptions, ports: AskPorts): Promise<Link> {
  const file = checkAddress(options.url, options.token !== undefined);
  const { expiresIn } = options;
  const request = { method: "POST", url: `${file}/links`, ...jsonBody({ expiresIn }) } as const;
  const { url, ...link } = await ask(request, readLink, options, ports);
  return { ...link, url: file.replace(PATH, "") + url };
}

export interface RevokeLinkOptions extends AskOptions {
  /** The link, as it was made. */
  readonly url: string;
}

/** Resolves when the link counts no more; others of the same file do. May be repeated. @throws HoldfastError `usage`, `file_not_found`, `forbidden` */
export async function revokeLink(options: RevokeLinkOptions, ports: AskPorts): Promise<void> {
  const [path = "", query] = options.url.split("?", 2);
  const id = new URLSearchParams(query).get("link") ?? "";
  const of = path.replace(/\/(?:content|manifest)$/, "");
  if (!PATH.test(of) || !isLinkId(id)) {
    const hint =
      "One that was made before links could be taken back ends with its token, or by its time.";
    throw new HoldfastError("usage", "the address is no link that can be taken back", { hint });
  }
  const url = `${checkAddress(of, options.token !== undefined)}/links/${id}`;
  await ask({ method: "DELETE", url }, (answer) => answer.text(), options, ports);
}

async function readLink(answer: WireAnswer): Promise<Link> {
  const value = parseJson(await answer.text());
  const members = new Map<string, unknown>(Object.entries(Object(value)));
  const [id, url, expiresAt] = ["id", "url", "expiresAt"].map((name) => members.get(name));
  // A path on the same server: a link must not be able to lead elsewhere.
  const isPath = typeof url === "string" && /^\/v1\/(?:files|uploads)\//.test(url);
  if (isPath && typeof expiresAt === "number")
    return { url, expiresAt, ...(typeof id === "string" && isLinkId(id) ? { id } : {}) };
  throw new HoldfastError("not_holdfast", "the answer is no link");
}
