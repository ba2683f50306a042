// What the tests of the metadata contract work with: a store that is open, and uploads in every state.
import type { Change, MetadataStore, OutboxEntry, UploadRecord } from "@holdfast/engine";
import { type ErrorCode, isHoldfastError } from "@holdfast/protocol";
import { afterEach, beforeEach } from "vitest";
import { sampleCommit, sampleFile, samplePublish, sampleUpload } from "../metadata/samples.ts";

/** One place where records lie, empty at first. */
export interface MetadataBackend {
  /** Whether several servers may share the records: then whoever changes an upload is told its version. */
  readonly isShared: boolean;
  /** Opens the records; after `close` again, with all that was applied. */
  open(): Promise<MetadataStore>;
  /** The outbox in the order of its commits, read beside the port: nothing in the engine reads it yet. */
  outbox(): Promise<readonly OutboxEntry[]>;
  /** Removes everything, once the store is closed. */
  remove(): Promise<void>;
}

export interface MetadataBench {
  /** Its uploads come as of version 0: nearly every change raises that, and few tests are about it. */
  store(): MetadataStore;
  /** As it is. */
  versioned(): MetadataStore;
  isShared(): boolean;
  outbox(): Promise<readonly OutboxEntry[]>;
  /** Closes the store and opens it again. */
  reopen(): Promise<void>;
  /** One after another. */
  applyAll(...changes: readonly Change[]): Promise<void>;
  /** An upload of one committed part that has gone to `state` on the way that leads there; the record is that of its create. */
  uploadIn(state: UploadRecord["state"]): Promise<UploadRecord>;
}

/** Sets a bench up before each test of the suite it is called in. */
export function useMetadataBench(createBackend: () => Promise<MetadataBackend>): MetadataBench {
  let backend: MetadataBackend;
  let store: MetadataStore;
  beforeEach(async () => {
    backend = await createBackend();
    store = await backend.open();
  });
  afterEach(async () => {
    await store.close();
    await backend.remove();
  });

  async function applyAll(...changes: readonly Change[]): Promise<void> {
    for (const change of changes) await store.apply(change);
  }

  return {
    store: () => ({
      ...store,
      async upload(by) {
        const upload = await store.upload(by);
        return upload && { ...upload, version: 0 };
      },
    }),
    versioned: () => store,
    isShared: () => backend.isShared,
    outbox: () => backend.outbox(),
    async reopen() {
      await store.close();
      store = await backend.open();
    },
    applyAll,
    async uploadIn(state) {
      const upload = sampleUpload(1);
      await applyAll({ kind: "create", upload }, sampleCommit(upload, 0), ...wayTo(state, upload));
      return upload;
    },
  };
}

function wayTo(state: UploadRecord["state"], upload: UploadRecord): readonly Change[] {
  const { id } = upload;
  switch (state) {
    case "open":
      return [];
    case "completing":
      return [{ kind: "seal", id, epoch: 0 }];
    case "complete":
      return [{ kind: "seal", id, epoch: 0 }, samplePublish(sampleFile(upload))];
    default:
      return [{ kind: "end", id, state, at: SAMPLE_END }];
  }
}

/** When what a bench ends has ended. */
export const SAMPLE_END = 1_700_000_002_000;

/** What a change was refused with. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
}

export async function refusal(applied: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await applied.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!isHoldfastError(error)) throw new Error("it was not refused", { cause: error });
  return { code: error.code, details: error.details };
}
