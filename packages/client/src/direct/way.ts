// Which way the parts of an upload go, and how large they should be for it.
import { MIB, type TransferWay, type UploadView } from "@holdfast/protocol";
import type { Known } from "../line.ts";
import type { UploadOptions } from "../upload.ts";

/** What was asked for; else the way that the server says is the better one. */
export function wayOf({ transfer }: UploadOptions, view: UploadView): TransferWay {
  return transfer ?? view.transfer ?? "server";
}

/** Stores that take parts straight from clients take none smaller, and memory none larger. */
const PART_SIZE_MIN: number = 8 * MIB;
const PART_SIZE_MAX: number = 16 * MIB;
/** A part is a request: on a fast line it should take one connection so many seconds. */
const SECONDS = 2;
/** Connections should end together: each has so many parts to send. */
const PARTS_EACH = 4;

/** The size of parts to ask for where each of them is a request of its own, in bytes; undefined leaves it to the server. */
export function directPartSize(known: Known | undefined, size: number): number | undefined {
  if (!known || known.bodyMax !== undefined || known.cutEvery !== undefined) return undefined;
  const { rate, inFlight } = known;
  const most = Math.min((rate / inFlight) * SECONDS, size / inFlight / PARTS_EACH, PART_SIZE_MAX);
  if (most < PART_SIZE_MIN) return undefined;
  return 2 ** Math.floor(Math.log2(most));
}
