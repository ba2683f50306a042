// A file of any HTTP server. It has no manifest: that ranges belong together, only a strong ETag and the size say.
import {
  choosePartSize,
  cleanName,
  decodeContentRange,
  decodeDisposition,
  type GridLimits,
  HoldfastError,
  KIB,
  MIB,
  toHoldfastError,
} from "@holdfast/protocol";
import { plainAddress } from "./file-address.ts";
import type { Wire, WireAnswer, WireRequest } from "./wire.ts";

export interface AnyFile {
  /** As the server or the address says it: a name of somebody else's, not yet a safe one. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Strong, with its quotes. Undefined where nothing pins the version: then one request brings the whole file. */
  readonly etag: string | undefined;
}

/** What one request may bring as a whole, in bytes: it is one part, and waits in memory. */
export const WHOLE_MAX: number = 16 * MIB;

const LIMITS: GridLimits = {
  partSizeMin: 256 * KIB,
  partSizeMax: 4096 * MIB,
  partCountMax: 100_000,
  sizeMax: Number.MAX_SAFE_INTEGER,
};

/** The parts that it is fetched by, in bytes. */
export function partSizeOf({ size, etag }: AnyFile): number {
  return etag === undefined ? Math.max(1, size) : choosePartSize(size, LIMITS);
}

/**
 * Asks for the first byte, which many who sign or refuse HEAD allow. Resolves with "holdfast" where one of ours answers.
 *
 * @throws HoldfastError `not_resumable` where the file is too large for a server that can only send it whole, and as the wire does
 */
export async function askAnyFile(
  wire: Wire,
  { url, attempt, signal }: Pick<WireRequest, "url" | "attempt" | "signal">,
): Promise<AnyFile | "holdfast"> {
  const headers = { range: "bytes=0-0", "accept-encoding": "identity" };
  const request = { method: "GET", url, headers, attempt, signal } as const;
  try {
    return await wire.sendAny(request, async (answer) => {
      const found =
        answer.header("holdfast-version") === undefined ? fileOf(answer, url) : "holdfast";
      // The rest of it is of no use, and may be long.
      await answer.read(stop).catch(() => undefined);
      return found;
    });
  } catch (error) {
    const { code, details } = toHoldfastError(error);
    // There is no first byte.
    if (code !== "wrong_answer" || details["size"] !== 0) throw error;
    return { name: nameIn(url), size: 0, etag: undefined };
  }
}

function stop(): never {
  throw new HoldfastError("aborted");
}

function fileOf(answer: WireAnswer, url: string): AnyFile {
  if ((answer.header("content-encoding") ?? "identity") !== "identity") {
    throw notResumable("it encodes the file on the way, so that its parts are nobody's");
  }
  const said = answer.header("etag") ?? "";
  const range = decodeContentRange(answer.header("content-range"));
  const hasRanges = answer.status === 206 && range?.start === 0 && range.end === 1;
  if (answer.status === 206 && !hasRanges) {
    throw new HoldfastError("wrong_answer", "the first byte was asked for, and others came");
  }
  const size = hasRanges ? range.size : sizeOf(answer.header("content-length"));
  if (size === undefined) throw notResumable("it does not say how long the file is");
  const etag = hasRanges && isStrong(said) ? said : undefined;
  if (etag === undefined && size > WHOLE_MAX) throw notResumable(why(hasRanges, said));
  return { name: nameOf(answer, url), size, etag };
}

function why(hasRanges: boolean, etag: string): string {
  if (!hasRanges) return "it sends the file whole or not at all";
  const what = etag === "" ? "no ETag" : "only a weak ETag";
  return `it gives the file ${what}, so that nothing tells one version from the next`;
}

function notResumable(what: string): HoldfastError {
  return new HoldfastError("not_resumable", what);
}

/** RFC 9110 section 8.8.3: in quotes, and without the mark of a weak one. */
export function isStrong(etag: string | undefined): boolean {
  return /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag ?? "");
}

function sizeOf(field: string | undefined): number | undefined {
  return /^[0-9]{1,15}$/.test(field ?? "") ? Number(field) : undefined;
}

function nameOf(answer: WireAnswer, url: string): string {
  try {
    return cleanName(decodeDisposition(answer.header("content-disposition")));
  } catch {
    return nameIn(url);
  }
}

function nameIn(url: string): string {
  const last = plainAddress(url).replace(/\/+$/, "").split("/").slice(3).at(-1) ?? "";
  try {
    return cleanName(decodeURIComponent(last)) || "download";
  } catch {
    return cleanName(last) || "download";
  }
}
