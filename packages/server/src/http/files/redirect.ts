// A download that its store serves by itself: the answer is a redirect to an address that the store has signed for a while, where the operator wants that.
import { encodeDisposition } from "@holdfast/protocol";
import type { Front } from "../front.ts";
import { emptyReply, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import type { Readable } from "./get.ts";
import { safeType } from "./headers.ts";

/** Milliseconds that an address is good: nobody can take it back. */
const LIFE_MS = 900_000;

/** What only this server can answer: the store has another tag and another date for the same bytes, and knows no digests. */
const OURS = [
  ...["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"],
  ...["want-content-digest", "want-repr-digest", "holdfast-verify"],
  // A page of another site may read here what the store would not let it.
  "origin",
] as const;

/** One range, as every store reads it. */
const PLAIN = /^bytes=(?:\d{1,15}-\d{0,15}|-\d{1,15})$/;

/**
 * Undefined where the bytes go out from here. What everybody may read does: caches keep it for longer than any address lives.
 *
 * Type and name are in what is signed: the store can be made to say nothing else of what somebody has uploaded. An address outlives no link that it was asked for by.
 */
export async function redirected(
  { engine, clock, redirectsReads }: Front,
  request: Request,
  { file, audience }: Readable,
  isRange: boolean,
): Promise<Reply | undefined> {
  const isPlain = request.method === "GET" && audience === "asker" && !file.notes?.damaged;
  if (!redirectsReads || !isPlain) return undefined;
  if (OURS.some((name) => isAsked(request, name))) return undefined;
  const range = request.header("range");
  if (range !== undefined && !(isRange && PLAIN.test(range))) return undefined;
  const lifeMs = Math.min(LIFE_MS, leftOf(request, clock.now()));
  if (lifeMs < 1000) return undefined;
  const disposition = encodeDisposition(file.name);
  const terms = { lifeMs, type: safeType(file.type), disposition };
  const location = await engine.addressOf(file, terms);
  // A browser looks at this before it follows: a page of another site shows by the store what it could not show from here.
  const own = { "cross-origin-resource-policy": "same-origin" };
  return location === undefined ? undefined : emptyReply(307, { location, ...own });
}

/** A tag of ours that was judged already is no more in the way of who checks every part by the manifest with that tag. */
function isAsked(request: Request, name: (typeof OURS)[number]): boolean {
  const isChecked = name === "if-match" && request.header("holdfast-redirect") === "?1";
  return !isChecked && request.header(name) !== undefined;
}

/** Milliseconds that the link is good by which it came. */
function leftOf({ query }: Request, now: number): number {
  const end = query.has("sig") ? query.get("exp") : null;
  return end === null ? Number.POSITIVE_INFINITY : Number(end) * 1000 - now;
}
