// The storage on S3, made of calls: which file does what.
import type { Clock, Home, PartStorage, PlaceForm, Random, UploadRecord } from "@holdfast/engine";
import { encodeHex } from "@holdfast/protocol";
import { assemble } from "./assemble.ts";
import type { S3Calls } from "./calls.ts";
import { AWS_CAPABILITIES, type Capabilities, limitsOf } from "./capabilities.ts";
import { discard } from "./discard.ts";
import { listed } from "./listed.ts";
import type { Marks } from "./location.ts";
import { createKeys, placeOf, placeOfStaged, stagedAttempt, stagedOf } from "./place.ts";
import { createObjects } from "./read.ts";
import { retrying } from "./retry.ts";
import { sign } from "./sign.ts";
import type { Stage } from "./stage.ts";
import { unfinished } from "./unfinished.ts";
import { putPart } from "./write.ts";

export interface S3StorageOptions {
  readonly calls: S3Calls;
  readonly clock: Clock;
  readonly random: Random;
  /** Empty, or ends with a slash: everything of ours has it. */
  readonly prefix: string;
  readonly capabilities?: Capabilities;
  /** Storage class, encryption and tags of every object. */
  readonly marks?: Marks;
  /** Its name, where it is one of several. */
  readonly home?: Home | undefined;
}

const ATTEMPT_BYTES = 10;

/** What the files of this storage work with. */
export function stageOf(options: S3StorageOptions): Stage {
  const { calls, clock, random, prefix, capabilities = AWS_CAPABILITIES, marks = {} } = options;
  const { home } = options;
  return { calls, clock, random, keys: createKeys(prefix, home), capabilities, marks, home };
}

export function createS3Storage(options: S3StorageOptions): PartStorage {
  const stage = stageOf(options);
  const { calls, random, keys, capabilities, marks, home } = stage;

  function begin(id: UploadRecord["id"], type: string, form: PlaceForm = "joined") {
    const attempt = encodeHex(random.bytes(ATTEMPT_BYTES));
    if (form === "staged") {
      return Promise.resolve(
        placeOfStaged({ key: keys.bytes(id, stagedAttempt(attempt)), type }, home),
      );
    }
    // An answer that is lost leaves a multipart upload that nobody knows: `unfinished` finds it. It has a key that no other has, since what is discarded takes along the object under its key.
    return retrying(stage, "beginning a multipart upload", async () => {
      const key = keys.bytes(id, encodeHex(random.bytes(ATTEMPT_BYTES)));
      const uploadId = await calls.multipart.create(key, { type, ...marks });
      return placeOf({ key, uploadId }, home);
    });
  }

  return {
    kind: "parts",
    // Nobody is given an address for bytes that nobody would check.
    transfer: capabilities.checksDigests ? "direct" : "server",
    limits: limitsOf(capabilities),
    objects: createObjects(stage),
    homeOf: () => home,
    begin: (id, type, _, form) => begin(id, type, form),
    putPart: (place, part, body, signal) => putPart(stage, place, part, body, signal),
    sign: (place, parts, lifeMs) => sign(stage, place, parts, lifeMs),
    listed: async (place, start, end) =>
      stagedOf(place) ? new Map() : listed(stage, place, start, end),
    assemble: (place, parts) => assemble(stage, place, parts),
    discard: (place) => discard(stage, place),
    unfinished: (before) => unfinished(stage, before),
  };
}
