// What direct transfer knows of one upload, and what it asks the server about it.
import {
  decodePartRequests,
  encodePartsWanted,
  HoldfastError,
  hasPart,
  MIB,
  PARTS_WANTED_MAX,
  type PartDigest,
  partCount,
} from "@holdfast/protocol";
import { digestAt, noteOwn } from "../digest-table.ts";
import { parseJson } from "../parse-json.ts";
import { parseHttpDate } from "../retry-after.ts";
import { type Job, jsonBody, type Target } from "../upload-job.ts";
import { readPart } from "../upload-send.ts";
import type { WireAnswer } from "../wire.ts";
import type { Call } from "../work.ts";
import { type Confirmer, createConfirmer } from "./confirmer.ts";
import { createOpenness, type Openness } from "./openness.ts";
import { createSigner, type Signed, type Signer } from "./signer.ts";

/** What direct transfer knows of one upload on the server. */
export interface Direct {
  readonly target: Target;
  readonly signer: Signer;
  readonly confirmer: Confirmer;
  /** Parts that the store has taken and that are not confirmed yet: they are not sent again. */
  readonly placed: Set<number>;
  /** Parts whose bytes all went out and whose answer never came: the store may have them. */
  readonly unanswered: Set<number>;
  readonly way: Openness;
}

/** Bytes that are signed ahead at most: they are read ahead of their turn, and once more while they are still in the system's memory. */
const AHEAD: number = 256 * MIB;
/** That of the upload that parts go to now. */
export function directOf(job: Job, target: Target): Direct {
  if (job.direct?.target === target) return job.direct;
  void job.direct?.signer.end();
  const { grid, digests } = target;
  const { signedForMs } = job.options;
  // Whatever has a digest before anything is sent is committed: the server has told it.
  const committed = digests.known.bits.slice();
  const direct: Direct = {
    target,
    placed: new Set(),
    unanswered: new Set(),
    way: createOpenness(),
    signer: createSigner({
      clock: job.ports.clock,
      partCount: partCount(grid),
      batchMax: Math.max(1, Math.min(PARTS_WANTED_MAX, Math.floor(AHEAD / grid.partSize))),
      isSettled: (index) => ((committed[index >> 3] ?? 0) & (1 << (index & 7))) !== 0,
      digest: (index, signal) => digestOf(job, target, index, signal),
      ask: (parts, signal) => askRequests(job, target, { parts, lifeMs: signedForMs }, signal),
    }),
    confirmer: createConfirmer(job.ports.clock, (parts) =>
      askConfirmation(job, target, parts, { attempt: 1, signal: new AbortController().signal }),
    ),
  };
  job.direct = direct;
  return direct;
}

/** Parts are read ahead of their turn to be signed, and once more to be sent: whoever stores them compares. */
export async function digestOf(
  job: Job,
  { grid, digests }: Target,
  index: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  if (!hasPart(digests.known, index)) noteOwn(digests, index, await readPart(job, grid, index));
  return digestAt(digests.bytes, index).slice();
}

interface Asked {
  readonly parts: readonly PartDigest[];
  /** The server's choice where undefined. */
  readonly lifeMs: number | undefined;
}

export async function askRequests(
  { wire, ports }: Job,
  { url }: Target,
  { parts, lifeMs }: Asked,
  signal: AbortSignal,
): Promise<readonly Signed[]> {
  const life = lifeMs === undefined ? {} : { expiresIn: Math.ceil(lifeMs / 1000) };
  const { body, headers } = jsonBody(encodePartsWanted({ parts, ...life }));
  const asked = {
    method: "POST",
    url: `${url}/requests`,
    headers,
    body,
    attempt: 1,
    signal,
  } as const;
  return wire.send(asked, async (answer) => {
    // Lives are told by the server's clock, which ours need not agree with.
    const now = parseHttpDate(answer.header("date") ?? "") ?? ports.clock.now();
    const requests = await readRequests(answer);
    return requests.map((request) => ({ request, leftMs: request.expiresAt - now }));
  });
}

async function readRequests(answer: WireAnswer): Promise<ReturnType<typeof decodePartRequests>> {
  const text = await answer.text();
  try {
    return decodePartRequests(parseJson(text));
  } catch (cause) {
    throw new HoldfastError("not_holdfast", "the answer has no requests", {}, cause);
  }
}

/** Resolves when all of the parts are committed. @throws HoldfastError `parts_missing` naming those that are not there: the others are committed; `part_conflict` */
export async function askConfirmation(
  { wire }: Job,
  { url }: Target,
  parts: readonly PartDigest[],
  { attempt, signal }: Pick<Call, "attempt" | "signal">,
): Promise<void> {
  const { body, headers } = jsonBody(encodePartsWanted({ parts }));
  const asked = { method: "POST", url: `${url}/parts`, headers, body, attempt, signal } as const;
  await wire.send(asked, (answer) => answer.text());
}
