// Random changes of records: of any kind, in any order, sensible or not, of the few uploads and files of a world that nobody else has.
import { randomUUID } from "node:crypto";
import type { Change, FileNote, FileRecord, Limits, UploadRecord } from "@holdfast/engine";
import { MIB } from "@holdfast/protocol";
import fc from "fast-check";
import {
  sampleDelete,
  sampleDigest,
  sampleFile,
  sampleFresh,
  samplePart,
  samplePlace,
  samplePublish,
  sampleStore,
  sampleTail,
  sampleTailObjects,
  sampleUpload,
} from "../metadata/samples.ts";

/** What a change is made from; the records it names are made anew for each run, since a store may be shared. */
export type Step = (world: World) => Change;

export interface World {
  readonly uploads: readonly [UploadRecord, UploadRecord, UploadRecord];
  readonly publishes: readonly Extract<Change, { readonly kind: "publish" }>[];
  readonly stores: readonly Extract<Change, { readonly kind: "store" }>[];
  readonly alone: ReturnType<typeof samplePublish>;
}

/** Of one principal, that no other run has: what it uses counts. The third upload has no size yet, and wants the key of the first. */
export function createWorld(): World {
  const principal = randomUUID();
  const key = { name: sampleDigest(1), request: sampleDigest(2) };
  const unknown = { hasSize: false, size: 3 * MIB, key };
  const uploads = [
    sampleUpload(2, { principal, key }),
    sampleFresh(300, { principal }),
    sampleFresh(3, { principal, ...unknown }),
  ] as const;
  const stores = [sampleStore(2, { principal, key }), sampleStore(0, { principal })];
  // Two files for the first upload and one for the second, which two entries of the outbox tell of.
  const placed = { ...uploads[1], place: samplePlace(0) };
  const publishes = [uploads[0], uploads[0], placed].map((of) => samplePublish(sampleFile(of)));
  const alone = samplePublish(sampleFile(sampleUpload(1, { principal })));
  return { uploads, publishes, stores, alone };
}

export function filesOf({ publishes, stores, alone }: World): readonly FileRecord[] {
  return [...publishes, ...stores, alone].map(({ file }) => file);
}

const which = fc.constantFrom(0 as const, 1 as const, 2 as const);
const index = fc.constantFrom(0, 1, 2, 255, 256, 299, 300);
/** With the number of its content. */
const partOf = fc.tuple(index, fc.constantFrom(0, 0, 0, 1));
/** The upload that places are for, mostly. */
const placed = fc.constantFrom(0 as const, 1 as const, 1 as const, 1 as const, 2 as const);
const ENDS = ["aborted", "expired", "failed"] as const;
const error = { code: "storage_full", detail: "there is no room" };

/** Mostly the changes are of one server alone; else it names the token of its claim. */
const token = fc
  .constantFrom(undefined, undefined, undefined, undefined, 1, 2)
  .map((number) => (number === undefined ? {} : { token: number }));
/** Over at once, or for longer than the test takes. */
const ms = fc.constantFrom(0, 1e12);
const patience = fc.constantFrom({}, { patienceMs: 0 }, { patienceMs: 1e12 });

const limits = fc.constantFrom<Limits>(
  {},
  {},
  { openMax: 1 },
  { openMax: 2 },
  { bytesMax: 2 * MIB },
  { bytesMax: 302 * MIB, openMax: 3 },
);
const at = fc.constantFrom(0, 0, 0, 4097, MIB, MIB + 4097, 2 * MIB);
const parts = fc.constantFrom([], [0], [0], [1], [0, 1], [2]);
/** The second upload has mostly a place, the others mostly none. */
const wayOf = (u: 0 | 1 | 2) =>
  u === 1 ? fc.constantFrom(0, 0, 0, 0, 1, undefined) : fc.constantFrom(...Array(9), 0);
const going = which.chain((u) =>
  wayOf(u).map((number: number | undefined) => ({
    u,
    where: number === undefined ? {} : { place: samplePlace(number) },
  })),
);
const tail = fc.constantFrom(
  undefined,
  sampleTailObjects(0, 4097),
  sampleTailObjects(1, 4097),
  sampleTail(0, 4097),
  sampleTail(1, 4097),
  sampleTail(2, 1),
  sampleTail(1, 4096, 1),
);
const size = fc.constantFrom(undefined, undefined, undefined, MIB + 4097, 2 * MIB - 1, 3 * MIB);

const NOTES: readonly FileNote[] = [
  { kind: "public", at: 7 },
  { kind: "public", at: 8 },
  { kind: "private" },
  { kind: "revoked", link: "a", until: 10, now: 5 },
  { kind: "revoked", link: "b", until: 20, now: 15 },
  { kind: "damaged", indexes: [1, 0] },
  { kind: "healed", indexes: [0] },
  { kind: "healed", indexes: [0, 1] },
];

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(which, limits).map(
      ([u, some]): Step =>
        ({ uploads }) => ({ kind: "create", upload: uploads[u], limits: some }),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(going, fc.array(partOf, { maxLength: 4 }), fc.nat(100), limits).map(
      ([{ u, where }, some, later, limits]): Step =>
        ({ uploads }) => {
          const { id, expiresAt } = uploads[u];
          const parts = some.map(([at, content]) => samplePart(at, content));
          const compared = some.map(([at, content]) => sampleTail(at, 100, content));
          const come = { ...where, parts, compared, expiresAt: expiresAt + later, limits };
          return { kind: "commit", id, ...come };
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        u: which,
        holder: fc.constantFrom("a", "b"),
        token: fc.integer({ min: 1, max: 3 }),
        ms,
        patience,
      })
      .map(
        ({ u, holder, token, ms, patience }): Step =>
          ({ uploads }) => ({
            ...{ kind: "claim", id: uploads[u].id, holder, token, lifeMs: ms },
            ...patience,
          }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(which, fc.constantFrom(1, 2), ms, fc.constantFrom("renew", "want", "want", "release"))
      .map(
        ([u, token, lifeMs, kind]): Step =>
          ({ uploads }) => {
            const { id } = uploads[u];
            return kind === "renew" ? { kind, id, token, lifeMs } : { kind, id, token };
          },
      ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(placed, fc.constantFrom(0, 0, 0, 0, 1)).map(
      ([u, number]): Step =>
        ({ uploads }) => ({ kind: "place", id: uploads[u].id, place: samplePlace(number) }),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        placed,
        fc.constantFrom(0, 0, 0, 1),
        fc.array(partOf, { maxLength: 3 }),
        fc.constantFrom(0, 0, 0, MIB),
      )
      .map(
        ([u, number, some, less]): Step =>
          ({ uploads }) => ({
            kind: "bind",
            id: uploads[u].id,
            place: samplePlace(number),
            size: uploads[u].size - less,
            parts: some.map(([at, content]) => samplePart(at, content)),
          }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        placed,
        fc.constantFrom([0, 1], [0, 1], [1, 0]),
        fc.array(index, { maxLength: 4 }),
        token,
      )
      .map(
        ([u, [from = 0, to = 1], kept, token]): Step =>
          ({ uploads }) => ({
            kind: "move",
            id: uploads[u].id,
            ...token,
            place: samplePlace(to),
            instead: samplePlace(from),
            kept,
            at: 7,
          }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.array(index, { maxLength: 2 }), token).map(
      ([u, indexes, token]): Step =>
        ({ uploads }) => ({ kind: "withdraw", id: uploads[u].id, ...token, indexes, at: 7 }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(which, fc.constantFrom(0, 0, 1), token).map(
      ([u, epoch, token]): Step =>
        ({ uploads }) => ({ kind: "seal", id: uploads[u].id, ...token, epoch }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.constantFrom(0, 0, 1)).map(
      ([u, epoch]): Step =>
        ({ uploads }) => ({ kind: "revoke", id: uploads[u].id, epoch }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, token).map(
      ([u, token]): Step =>
        ({ uploads }) => ({ kind: "reopen", id: uploads[u].id, ...token, error }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(2), token).map(
      ([p, token]): Step =>
        ({ uploads, publishes }) => {
          const publish = publishes[p];
          return publish ? { ...publish, ...token } : { kind: "cleared", id: uploads[0].id };
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.constantFrom(...ENDS), fc.boolean(), token).map(
      ([u, state, hasError, token]): Step =>
        ({ uploads }) => ({
          kind: "end",
          id: uploads[u].id,
          ...token,
          state,
          at: 8,
          ...(hasError ? { error } : {}),
        }),
    ),
  },
  {
    weight: 1,
    arbitrary: which.map(
      (u): Step =>
        ({ uploads }) => ({ kind: "cleared", id: uploads[u].id }),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.record({ going, at, parts, tail, size, limits, token }).map(
      ({ going: { u, where }, at, parts, tail, size, limits, token }): Step =>
        ({ uploads }) => ({
          kind: "append",
          id: uploads[u].id,
          ...where,
          ...token,
          at,
          parts: parts.map((index) => samplePart(index)),
          expiresAt: uploads[u].expiresAt + 1,
          limits,
          ...(tail ? { tail } : {}),
          ...(size === undefined ? {} : { size }),
        }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(which, fc.constantFrom(2 * MIB - 1, MIB + 4097, 0, 4 * MIB), limits).map(
      ([u, size, limits]): Step =>
        ({ uploads }) => ({ kind: "fix-size", id: uploads[u].id, size, limits }),
    ),
  },
  {
    weight: 1,
    arbitrary: which.map(
      (u): Step =>
        ({ uploads }) => ({ kind: "told", id: uploads[u].id }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.nat(3), token).map(
      ([u, later, token]): Step =>
        ({ uploads }) => ({
          kind: "expire",
          id: uploads[u].id,
          ...token,
          now: uploads[u].expiresAt + later - 1,
        }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.constantFrom(8, 9, Number.MAX_SAFE_INTEGER)).map(
      ([u, before]): Step =>
        ({ uploads }) => ({ kind: "forget", id: uploads[u].id, before }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(0, 1), limits).map(
      ([s, limits]): Step =>
        ({ stores, uploads }) => {
          const store = stores[s];
          return store ? { ...store, limits } : { kind: "told", id: uploads[0].id };
        },
    ),
  },
  {
    weight: 1,
    arbitrary: limits.map(
      (limits): Step =>
        ({ alone: { file, outbox } }) => ({ kind: "store-alone", file, outbox, limits }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(5), fc.boolean()).map(
      ([f, isGone]): Step =>
        (world) => {
          const { id } = filesOf(world)[f] ?? sampleStore().file;
          return isGone ? { kind: "erased", id } : sampleDelete(id);
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(5), fc.constantFrom(...NOTES)).map(
      ([f, note]): Step =>
        (world) => ({ kind: "note", id: (filesOf(world)[f] ?? sampleStore().file).id, note }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(5), fc.nat(2), fc.nat(2)).map(
      ([f, to, from]): Step =>
        (world) => {
          const { id } = filesOf(world)[f] ?? sampleStore().file;
          return { kind: "relocate", id, place: samplePlace(to), instead: samplePlace(from) };
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.constantFrom("a", "b"), fc.constantFrom(5, 15)).map(
      ([u, link, now]): Step =>
        ({ uploads }) => ({ kind: "revoke-link", id: uploads[u].id, link, until: 10, now }),
    ),
  },
);

/** What has happened before: nothing, or uploads of which one has parts in a place, and of which a server has claims. */
export const begun: fc.Arbitrary<(world: World) => readonly Change[]> = fc
  .tuple(fc.constantFrom(0, 1, 1, 2, 2), ms)
  .map(([depth, lifeMs]) => ({ uploads }: World): readonly Change[] => {
    if (depth === 0) return [];
    const [, { id, expiresAt }] = uploads;
    const place = samplePlace(0);
    const creates = uploads.map((upload): Change => ({ kind: "create", upload }));
    const placed: readonly Change[] = [
      { kind: "place", id, place },
      {
        kind: "bind",
        id,
        place,
        size: uploads[1].size,
        parts: [2, 255].map((index) => samplePart(index)),
      },
      { kind: "commit", id, place, parts: [0, 1].map((index) => samplePart(index)), expiresAt },
    ];
    if (depth === 1) return [...creates, ...placed];
    const claims = uploads.flatMap(({ id }): readonly Change[] => [
      { kind: "claim", id, holder: "a", token: 1, lifeMs },
      { kind: "want", id, token: 1 },
    ]);
    return [...creates, ...placed, ...claims];
  });
