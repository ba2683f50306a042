// What the contract of storages of parts works with: a storage under test, parts made of bytes, bodies that come in pieces.
import { createHash } from "node:crypto";
import type { BoundPart, PartBody, PartStorage, Place, SignedRequest } from "@holdfast/engine";
import { type ErrorCode, HoldfastError } from "@holdfast/protocol";
import { afterEach, beforeEach, expect } from "vitest";
import { testBytes, testId } from "./storage-rig.ts";

export interface PartStorageUnderTest {
  readonly storage: PartStorage;
  /** Sends a signed request; false where the store refuses it. */
  bring(request: SignedRequest, bytes: Uint8Array): Promise<boolean>;
  dispose(): Promise<void>;
}

export interface PartRig {
  /** A fresh one for each test. */
  readonly storage: PartStorage;
  /** Sends the signed request for one part. */
  bring(place: Place, part: BoundPart, bytes: Uint8Array): Promise<boolean>;
  begin(id?: number): Promise<Place>;
  /** A place with a part of the least size in it and a short one. */
  twoParts(): Promise<TwoParts>;
  read(place: Place, start: number, end: number): Promise<Uint8Array>;
}

export interface TwoParts {
  readonly place: Place;
  readonly parts: readonly [BoundPart, BoundPart];
  readonly bytes: Uint8Array;
}

/** Bytes of the short part. */
export const LAST = 1000;
const LIFE_MS = 60_000;

/** To be called in a `describe`: each test in it gets a storage of its own. */
export function setUpParts(create: () => Promise<PartStorageUnderTest>): PartRig {
  let made: PartStorageUnderTest | undefined;
  beforeEach(async () => {
    made = await create();
  });
  afterEach(async () => {
    await made?.dispose();
    made = undefined;
  });
  const current = (): PartStorageUnderTest => {
    if (!made) throw new Error("there is a storage only while a test runs");
    return made;
  };
  const rig: PartRig = {
    get storage() {
      return current().storage;
    },
    async bring(place, part, bytes) {
      const [request] = await rig.storage.sign(place, [part], LIFE_MS);
      return request !== undefined && current().bring(request, bytes);
    },
    begin: (id = 1) => rig.storage.begin(testId(id), "text/plain"),
    async twoParts() {
      const place = await rig.begin();
      const size = rig.storage.limits.partSizeMin;
      const bytes = testBytes(size + LAST, 1);
      const parts = [partOf(0, bytes.subarray(0, size)), partOf(1, bytes.subarray(size))] as const;
      await rig.storage.putPart(place, parts[0], inMemory(bytes.subarray(0, size)));
      await rig.storage.putPart(place, parts[1], streamed(bytes.subarray(size)));
      return { place, parts, bytes };
    },
    async read(place, start, end) {
      const pieces: Uint8Array[] = [];
      const object = { kind: "bytes", place } as const;
      for await (const piece of rig.storage.objects.read(object, { start, end })) {
        pieces.push(piece);
      }
      return new Uint8Array(Buffer.concat(pieces));
    },
  };
  return rig;
}

export function partOf(index: number, bytes: Uint8Array): BoundPart {
  const digest = new Uint8Array(createHash("sha256").update(bytes).digest());
  return { index, size: bytes.length, digest };
}

/** In pieces, as it comes through the pool. */
export function inMemory(bytes: Uint8Array): PartBody {
  return { kind: "memory", pieces: piecesOf(bytes) };
}

export function streamed(bytes: Uint8Array, fault?: HoldfastError): PartBody {
  async function* pieces() {
    for (const piece of piecesOf(bytes)) {
      yield piece;
      if (fault) throw fault;
    }
  }
  return { kind: "stream", pieces: pieces() };
}

function piecesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const size = Math.ceil(bytes.length / 3);
  return [0, 1, 2].map((at) => bytes.subarray(at * size, (at + 1) * size));
}

/** Rejects as `storage_failed`, or with what the body itself had to say. */
export async function expectRefusal(result: Promise<unknown>): Promise<void> {
  const code: ErrorCode | "resolved" = await result.then(
    () => "resolved",
    (error: unknown) => (error instanceof HoldfastError ? error.code : "internal"),
  );
  expect(["storage_failed", "body_stalled"]).toContain(code);
}
