// Any changes in any order, one by one or all at once: a metadata store gives the outcomes and ends in the records of the executable specification.
import type { Change, Due, DueKind, MetadataStore } from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { applyChange } from "../metadata/apply.ts";
import { countRecords, listDue } from "../metadata/queries.ts";
import { emptyState, type RecordState } from "../metadata/state.ts";
import type { MetadataBench } from "./metadata-bench.ts";
import { begun, createWorld, filesOf, step, type World } from "./metadata-steps.ts";

export function describeMetadataModel({ versioned: store }: MetadataBench): void {
  it("does what the specification does, one by one or all at once", async () => {
    const steps = fc.array(step, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(begun, steps, fc.boolean(), async (first, given, isAtOnce) => {
        const world = createWorld();
        const changes = [...first(world), ...given.map((make) => make(world))];
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
      { numRuns: 100 },
    );
  });
}

function modelOutcome(model: RecordState, change: Change): string {
  try {
    applyChange(model, structuredClone(change), Date.now());
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

/** A store and its specification are asked one after the other: of what is left of a claim only the order of size is the same. */
function outcomeOf(cause: unknown): string {
  if (!isHoldfastError(cause)) return String(cause);
  const coarse = (name: string, value: unknown) =>
    name === "leftMs" && typeof value === "number" ? Math.round(value / 1e9) : value;
  return `${cause.code} ${JSON.stringify(cause.details, coarse)}`;
}

const DUE_KINDS: readonly DueKind[] = [
  ...(["completing", "expired", "uncleared", "forgettable", "deleting", "damaged"] as const),
];

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
  const uploads = [...world.uploads, ...world.stores.map(({ upload }) => upload)];
  for (const { id } of uploads) {
    const upload = model.uploads.get(id);
    expect(await store.upload(id)).toEqual(upload);
    if (!upload) continue;
    const { version } = upload;
    expect(await store.parts(id)).toEqual({ ...model.parts.get(id), version });
  }
  const ours = new Set<string>([...uploads.map(({ id }) => id), world.alone.file.uploadId]);
  for (const kind of DUE_KINDS) {
    const due = await allOf(store, kind);
    expect(due.filter(({ id }) => ours.has(id))).toEqual(listDue(model, kind, { limit: 10 }));
  }
  for (const { id } of filesOf(world)) expect(await store.file(id)).toEqual(model.files.get(id));
  const [{ tenant, principal }] = world.uploads;
  const of = { tenant, id: principal };
  expect(await store.counts(of)).toEqual(countRecords(model, of));
}
