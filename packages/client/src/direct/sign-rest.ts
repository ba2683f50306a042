// What is missing of an upload, signed for whoever sends it while nothing of ours runs: a browser in the background.
import {
  HoldfastError,
  MIB,
  missingRanges,
  PARTS_WANTED_MAX,
  type PartDigest,
  type PartSet,
  partOffset,
  partSizeAt,
} from "@holdfast/protocol";
import { type Job, openedOf, readUpload, type Target } from "../upload-job.ts";
import { askRequests, digestOf, directOf } from "./knowledge.ts";
import { reclaimParts, unansweredParts } from "./reclaim.ts";
import { addressOf } from "./send-part.ts";

/** A request that brings one part, from these bytes of the source. */
export interface SignedPart {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly offset: number;
  readonly size: number;
}

/** At most so many parts and bytes: all of them are read before the first is sent, and a browser may keep a copy of what it is to send. */
const PARTS_MAX = 1_000;
const BYTES_MAX: number = 1024 * MIB;
/** The longest that servers sign for. */
const LIFE_MS = 86_400_000;

/**
 * Nothing else may be sent of it meanwhile. What was signed counts once the server has it, as any part: nothing new need be kept of it.
 *
 * @throws HoldfastError `background_unsupported` where no part could go that way: `canSend` is asked for the address of the first; what asking the server met
 */
export async function signRest(
  job: Job | undefined,
  canSend: (url: string) => boolean,
): Promise<readonly SignedPart[]> {
  const target = job?.target;
  // What a checkpoint tells of has to be found on the server, and compared, first.
  if (!job || !target || job.unproven) {
    throw unsupported("the server has nothing of the upload yet, as far as this page knows");
  }
  if (job.algorithm !== "sha-256") {
    throw unsupported(`nothing is signed for parts with ${job.algorithm} digests`);
  }
  const { signal } = new AbortController();
  await reclaimParts(job, target, unansweredParts(job), { attempt: 1, signal });
  const asked = { method: "GET", url: target.url, attempt: 1, signal } as const;
  const { state, committed } = await job.wire.send(asked, readUpload);
  if (state !== "open") throw unsupported(`the upload is ${state}`);
  const signed: SignedPart[] = [];
  for (const group of groupsOf(target, committed)) {
    const parts = await signGroup(job, target, group, signal);
    if (parts.some(({ url }) => !canSend(url))) {
      throw unsupported("its parts go to another origin than the page's own");
    }
    signed.push(...parts);
  }
  if (signed.length === 0) throw unsupported("there is nothing left to be sent");
  return signed;
}

function unsupported(why: string): HoldfastError {
  return new HoldfastError("background_unsupported", why);
}

/** Missing parts in order; the first by itself, since its address says whether the others are worth being read. */
function groupsOf({ grid }: Target, committed: PartSet): readonly (readonly number[])[] {
  const indexes: number[] = [];
  let bytes = 0;
  for (const [start, end] of missingRanges(committed)) {
    for (let index = start; index < end && indexes.length < PARTS_MAX; index++) {
      bytes += partSizeAt(grid, index);
      if (bytes > BYTES_MAX) break;
      indexes.push(index);
    }
  }
  const groups: number[][] = indexes.length > 0 ? [indexes.slice(0, 1)] : [];
  for (let at = 1; at < indexes.length; at += PARTS_WANTED_MAX)
    groups.push(indexes.slice(at, at + PARTS_WANTED_MAX));
  return groups;
}

async function signGroup(
  job: Job,
  target: Target,
  group: readonly number[],
  signal: AbortSignal,
): Promise<readonly SignedPart[]> {
  const parts: PartDigest[] = [];
  for (const index of group)
    parts.push({ index, digest: await digestOf(job, target, index, signal) });
  const signed = await askRequests(job, target, { parts, lifeMs: LIFE_MS }, signal);
  return signed.map(({ request: { index, url, method, headers: all } }) => {
    if (!group.includes(index)) throw new HoldfastError("not_holdfast", `part ${index} was signed`);
    const size = partSizeAt(target.grid, index);
    const { "content-length": length = String(size), ...headers } = all;
    if (length !== String(size)) {
      throw new HoldfastError("not_holdfast", "the request was signed for another size");
    }
    // A store has parts that the server does not know of: they are asked for before anything is sent again.
    if (job.way === "direct") directOf(job, target).unanswered.add(index);
    const address = addressOf(openedOf(job).server, url);
    return { url: address, method, headers, offset: partOffset(target.grid, index), size };
  });
}
