// One part on its way by a signed request: straight to where it is stored, then confirmed by the server.
import {
  equalBytes,
  HoldfastError,
  type PartRange,
  partOffset,
  partSizeAt,
  toHoldfastError,
} from "@holdfast/protocol";
import { sizeOf } from "../body.ts";
import { digestAt } from "../digest-table.ts";
import type { Body } from "../ports.ts";
import type { Room } from "../share.ts";
import { type Piece, readPiece } from "../source-piece.ts";
import { type Job, openedOf, type Target, targetOf } from "../upload-job.ts";
import type { Call } from "../work.ts";
import { askConfirmation, type Direct, directOf } from "./knowledge.ts";
import { isClosedBy, noteArrival } from "./openness.ts";
import type { Ticket } from "./signer.ts";

/** So often in a row may a request that was just signed be refused. */
const REFUSALS_MAX = 3;

/** Resolves when the server has confirmed the part. Line and memory are free for others as soon as the store has it. */
export async function sendPart(job: Job, [index]: PartRange, call: Call): Promise<void> {
  const target = targetOf(job);
  const direct = directOf(job, target);
  const isThere = direct.confirmer.expect();
  try {
    if (!direct.placed.has(index)) await bring(job, direct, index, call);
    // Who takes the line now is expected before this part is not any more.
    call.onPlaced();
  } finally {
    isThere();
  }
  try {
    const digest = digestAt(target.digests.bytes, index);
    await direct.confirmer.confirm({ index, digest }, call.signal);
    noteArrival(direct.way, job.ports.clock.monotonic());
    direct.signer.settle(index);
  } catch (error) {
    const met = toHoldfastError(error);
    // Whatever took it, and said so, was not the store.
    const isLost = met.code === "parts_missing" && direct.placed.delete(index);
    throw isLost ? closedWay(job, direct, met, call) : error;
  }
}

/** Resolves when the store has the part. */
async function bring(job: Job, direct: Direct, index: number, call: Call): Promise<void> {
  const size = partSizeAt(direct.target.grid, index);
  const room = await job.ports.share.admit(size, call.signal);
  call.onBegin();
  try {
    await place(job, direct, { index, room }, call);
  } finally {
    room.leave();
  }
}

interface Part {
  readonly index: number;
  readonly room: Room;
}

/** Brings the part to the store; a request that is not in force any more is signed anew, which costs nothing but the time. */
async function place(job: Job, direct: Direct, part: Part, call: Call): Promise<void> {
  const { index } = part;
  const { signer, target } = direct;
  for (let refusals = 1; ; refusals++) {
    const ticket = await signer.take(index, call.signal);
    const size = partSizeAt(target.grid, index);
    // What was digested for the ticket is read once more, also by who sends without it: why a source cannot be read, no failed request tells.
    // What is wrong with it is no trouble on the way to the store.
    const piece = await readPiece(job, partOffset(target.grid, index), size);
    let left = size;
    const onMoved = (moved: number) => {
      left -= moved;
      call.onMoved(moved);
    };
    try {
      await send(job, part, piece, ticket, { ...call, onMoved });
      direct.placed.add(index);
      return;
    } catch (error) {
      const met = toHoldfastError(error);
      if (left === 0 && met.details["status"] === undefined) direct.unanswered.add(index);
      if (met.code === "digest_mismatch") throw await badBytes(job, target, part, ticket, met);
      const isGone = met.code === "parts_missing";
      const isRefused = met.code === "signature_refused" || isGone;
      if (isRefused) signer.refuse(ticket);
      if (!isRefused || refusals === REFUSALS_MAX) throw closedWay(job, direct, met, call);
      if (isGone) await haveLooked(job, direct, part, call);
    }
  }
}

async function send(job: Job, { room }: Part, piece: Piece, ticket: Ticket, call: Call) {
  try {
    if (piece.digested()) room.freeMemory();
    await put(job, ticket, piece.body, call);
  } finally {
    piece.giveBack();
  }
}

/**
 * The store knows nothing of where the part was to go: perhaps it has dropped that, and the server has not noticed, which would sign for the same place again.
 * Whoever confirms looks. That the part is not there is what we know; anything else is to be gone on from as the server says.
 */
async function haveLooked(job: Job, direct: Direct, { index }: Part, call: Call): Promise<void> {
  const { target } = direct;
  const part = { index, digest: digestAt(target.digests.bytes, index) };
  await askConfirmation(job, target, [part], call).catch((error: unknown) => {
    const met = toHoldfastError(error);
    if (met.code !== "parts_missing") throw closedWay(job, direct, met, call);
  });
}

function put(job: Job, { request }: Ticket, body: Body, call: Call): Promise<void> {
  const size = String(sizeOf(body));
  const { "content-length": length = size, ...headers } = request.headers;
  if (length !== size) {
    throw new HoldfastError("not_holdfast", "the request was signed for another size");
  }
  const sent = {
    method: request.method,
    url: addressOf(openedOf(job).server, request.url),
    headers,
    body,
    attempt: call.attempt,
    signal: call.signal,
    onSent: call.onMoved,
  };
  return job.wire.sendSigned(sent, isLocal(request.url) ? "own server" : "store");
}

const isLocal = (url: string) => url.startsWith("/");

/** No part goes over a network in the clear because of what an answer over TLS says. */
export function addressOf(server: string, url: string): string {
  if (isLocal(url)) return server + url;
  if (url.startsWith("https:") || server.startsWith("http:")) return url;
  throw new HoldfastError("insecure_transport", "the server points to a store without TLS");
}

/** Either the bytes were spoilt on the way, or they are not those any more that were signed for. */
async function badBytes(
  job: Job,
  { grid }: Target,
  { index }: Part,
  { digest }: Ticket,
  met: HoldfastError,
): Promise<HoldfastError> {
  const piece = await readPiece(job, partOffset(grid, index), partSizeAt(grid, index));
  try {
    const now = await job.ports.digester.digest(piece.bytes, "sha-256");
    if (!equalBytes(now, digest)) return new HoldfastError("source_changed");
  } finally {
    piece.giveBack();
  }
  return new HoldfastError(met.code, met.message, { ...met.details, index }, met);
}

/** Where the way is closed, and nobody asked for it and no other, parts go through the server from now on. */
function closedWay(job: Job, direct: Direct, met: HoldfastError, { attempt }: Call): HoldfastError {
  if (met.code === "aborted") return met;
  if (job.options.transfer !== undefined) return withHint(met);
  const isClosed = isClosedBy(direct.way, met, { attempt, at: job.ports.clock.monotonic() });
  const hasTurned = job.way === "server";
  if (!isClosed && !hasTurned) return met;
  if (!hasTurned) {
    job.way = "server";
    const detail = `parts cannot go straight to the store, so they go through the server: ${met.message}`;
    job.emit("notice", { code: met.code, detail });
  }
  // Whatever others meet that were on their way still, their parts go the other way too.
  return new HoldfastError("not_holdfast", met.message, {}, met);
}

const HINT =
  "Parts go straight to the store: it must be reachable from here, and the server's credentials and clock must be good for it. Through the server it need not be reachable.";

/** Where no other way may be taken, whoever asked for this one should know what it needs. */
function withHint({ code, message, details, cause }: HoldfastError): HoldfastError {
  return new HoldfastError(code, message, { hint: HINT, ...details }, cause);
}
