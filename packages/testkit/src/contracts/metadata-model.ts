// Any changes in any order, one by one or all at once: a metadata store gives the outcomes and ends in the records of the executable specification.
import type { Change, Due, DueKind, MetadataStore, UploadRecord } from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { countRecords, listDue } from "../metadata/queries.ts";
import { sampleFile, samplePart, samplePublish, sampleUpload } from "../metadata/samples.ts";
import { applyChange, emptyState, type RecordState } from "../metadata/state.ts";
import type { MetadataBench } from "./metadata-bench.ts";

/** What a change is made from; the records it names are made anew for each run, since a store may be shared. */
type Step = (world: World) => Change;

interface World {
  readonly uploads: readonly [UploadRecord, UploadRecord];
  readonly publishes: readonly Extract<Change, { readonly kind: "publish" }>[];
}

function createWorld(): World {
  const uploads = [sampleUpload(2), sampleUpload(300)] as const;
  // Two files for the first upload and one for the second, which two entries of the outbox tell of.
  const publishes = [uploads[0], uploads[0], uploads[1]].map((of) => samplePublish(sampleFile(of)));
  return { uploads, publishes };
}

const which = fc.constantFrom(0 as const, 1 as const);
const index = fc.constantFrom(0, 1, 2, 255, 256, 299, 300);
const ENDS = ["aborted", "expired", "failed"] as const;
const error = { code: "storage_full", detail: "there is no room" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: which.map(
      (u): Step =>
        ({ uploads }) => ({ kind: "create", upload: uploads[u] }),
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        which,
        fc.array(fc.tuple(index, fc.constantFrom(0, 0, 0, 1)), { maxLength: 4 }),
        fc.nat(100),
      )
      .map(
        ([u, some, later]): Step =>
          ({ uploads }) => {
            const { id, expiresAt } = uploads[u];
            const parts = some.map(([at, content]) => samplePart(at, content));
            return { kind: "commit", id, parts, expiresAt: expiresAt + later };
          },
      ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.array(index, { maxLength: 2 })).map(
      ([u, indexes]): Step =>
        ({ uploads }) => ({ kind: "withdraw", id: uploads[u].id, indexes, at: 7 }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(which, fc.constantFrom(0, 0, 1)).map(
      ([u, epoch]): Step =>
        ({ uploads }) => ({ kind: "seal", id: uploads[u].id, epoch }),
    ),
  },
  {
    weight: 1,
    arbitrary: which.map(
      (u): Step =>
        ({ uploads }) => ({ kind: "reopen", id: uploads[u].id, error }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(2).map(
      (p): Step =>
        ({ uploads, publishes }) =>
          publishes[p] ?? { kind: "cleared", id: uploads[0].id },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, fc.constantFrom(...ENDS), fc.boolean()).map(
      ([u, state, hasError]): Step =>
        ({ uploads }) => ({
          kind: "end",
          id: uploads[u].id,
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
);

export function describeMetadataModel({ store }: MetadataBench): void {
  it("does what the specification does, one by one or all at once", async () => {
    const steps = fc.array(step, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (given, isAtOnce) => {
        const world = createWorld();
        const changes = given.map((make) => make(world));
        const model = emptyState();
        const expected = changes.map((change) => modelOutcome(model, change));
        const before = await store().counts();
        expect(await outcomes(store(), changes, isAtOnce)).toEqual(expected);
        const now = countRecords(model);
        expect(await store().counts()).toEqual({
          open: before.open + now.open,
          bytes: before.bytes + now.bytes,
          files: before.files + now.files,
        });
        await expectRecords(store(), world, model);
      }),
      { numRuns: 60 },
    );
  });
}

function modelOutcome(model: RecordState, change: Change): string {
  try {
    applyChange(model, structuredClone(change));
    return "done";
  } catch (cause) {
    return outcomeOf(cause);
  }
}

async function outcomes(
  store: MetadataStore,
  changes: readonly Change[],
  isAtOnce: boolean,
): Promise<readonly string[]> {
  const apply = (change: Change) => store.apply(change).then(() => "done", outcomeOf);
  if (isAtOnce) return Promise.all(changes.map(apply));
  const all: string[] = [];
  for (const change of changes) all.push(await apply(change));
  return all;
}

function outcomeOf(cause: unknown): string {
  return isHoldfastError(cause) ? `${cause.code} ${JSON.stringify(cause.details)}` : String(cause);
}

const DUE_KINDS = ["completing", "expired", "uncleared", "forgettable", "deleting"] as const;

/** Page by page: the runs before have left theirs in a store that is shared. */
async function allOf(store: MetadataStore, kind: DueKind): Promise<readonly Due[]> {
  const all: Due[] = [];
  for (;;) {
    const after = all.at(-1);
    const batch = await store.due(kind, { limit: 7, ...(after ? { after } : {}) });
    all.push(...batch);
    if (batch.length < 7) return all;
  }
}

async function expectRecords(
  store: MetadataStore,
  world: World,
  model: RecordState,
): Promise<void> {
  for (const { id } of world.uploads) {
    const upload = model.uploads.get(id);
    expect(await store.upload(id)).toEqual(upload);
    if (upload) expect(await store.parts(id)).toEqual(model.parts.get(id));
  }
  const ours = new Set<string>(world.uploads.map(({ id }) => id));
  for (const kind of DUE_KINDS) {
    const due = await allOf(store, kind);
    expect(due.filter(({ id }) => ours.has(id))).toEqual(listDue(model, kind, { limit: 10 }));
  }
  for (const { file } of world.publishes) {
    const known = await store.file(file.id);
    expect(known?.uploadId).toBe(model.files.get(file.id)?.uploadId);
  }
}
