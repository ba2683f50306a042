// Upload-Concat of tus 1.0.0: uploads that are parts of another one, and the one that they make.
import { HoldfastError } from "./errors.ts";

export type Concat =
  | { readonly kind: "partial" }
  /** Addresses of the partials as they came, in the order of their bytes; one may stand there more than once. */
  | { readonly kind: "final"; readonly urls: readonly string[]; readonly field: string };

/** Partials that one final may have: more do not fit the largest header. */
const PARTIALS_MAX = 2048;

/** @throws HoldfastError `invalid_request` naming `upload-concat` */
export function decodeConcat(field: string | undefined): Concat | undefined {
  if (field === undefined) return undefined;
  if (field === "partial") return { kind: "partial" };
  const list = /^final; ?(.*)$/.exec(field)?.[1];
  if (list === undefined) throw invalid("must be partial, or final; and the addresses of partials");
  const urls = list.split(" ").filter((url) => url !== "");
  if (urls.length === 0) throw invalid("names no partial");
  if (urls.length > PARTIALS_MAX) throw invalid(`names more than ${PARTIALS_MAX} partials`);
  return { kind: "final", urls, field };
}

/** Where partials may lie. */
export interface PartialPlace {
  /** The path under which uploads lie here, such as `/tus`; absent where something before the server may have changed it. */
  readonly path?: string;
  /** Names that this server is asked by, with their ports; absent where they cannot be known. */
  readonly hosts?: readonly string[];
}

/**
 * The upload's id in the address of a partial, which may be relative or absolute.
 * @throws HoldfastError `invalid_request` naming `upload-concat` where it does not lie here.
 */
export function partialIdOf(url: string, { path, hosts }: PartialPlace): string {
  const base = `http://here.invalid${path ?? ""}/`;
  const parsed = URL.canParse(url, base) ? new URL(url, base) : undefined;
  const isWeb = parsed?.protocol === "http:" || parsed?.protocol === "https:";
  if (!parsed || !isWeb || parsed.search !== "" || parsed.hash !== "") throw foreign();
  const isElsewhere = parsed.hostname !== "here.invalid" && hosts && !isAmong(parsed, hosts);
  const [, folder = "", id = ""] = /^(.*)\/([^/]+)$/.exec(parsed.pathname) ?? [];
  if (isElsewhere || id === "" || (path !== undefined && folder !== path)) throw foreign();
  return id;
}

/** A default port may be written or not. */
function isAmong(url: URL, hosts: readonly string[]): boolean {
  return hosts.some((host) => {
    const origin = `${url.protocol}//${host}`;
    return URL.canParse(origin) && new URL(origin).host === url.host;
  });
}

function foreign(): HoldfastError {
  return invalid("names an address that is no upload of this server");
}

function invalid(why: string): HoldfastError {
  return new HoldfastError("invalid_request", `upload-concat ${why}`, { field: "upload-concat" });
}
