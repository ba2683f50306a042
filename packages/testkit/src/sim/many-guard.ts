// Stands beside the records that several servers share: what only the holder of a claim may do nobody else has done, and nobody is told of what is not durable.
import type { Change, UploadRecord } from "@holdfast/engine";
import { contiguousParts, hasPart, partCount, type UploadId } from "@holdfast/protocol";
import type { ApplyPoint, MemoryMetadata } from "../metadata/memory.ts";

/** What is conditional on a token. */
const GUARDED: ReadonlySet<string> = new Set([
  ...["append", "withdraw", "seal", "reopen", "publish", "end", "expire"],
]);

export interface Guard {
  /** The server whose change is given to the records next. */
  from(server: string): void;
  /** For the options of the records. */
  onApply(point: ApplyPoint, change: Change): Promise<void>;
  readonly violations: string[];
}

export function createGuard(metadata: () => MemoryMetadata): Guard {
  const makers = new WeakMap<Change, string>();
  const versions = new Map<UploadId, number>();
  const violations: string[] = [];
  let next = "";
  return {
    violations,
    from(server) {
      next = server;
    },
    async onApply(point, change) {
      if (point === "before-durable") {
        makers.set(change, next);
        return;
      }
      const id = uploadOf(change);
      // As it is now, just behind the change.
      const record = id && (await metadata().upload(id));
      if (!record) return;
      const hasChanged = record.version > (versions.get(record.id) ?? 0);
      versions.set(record.id, record.version);
      const maker = makers.get(change) ?? "";
      if (hasChanged && GUARDED.has(change.kind) && record.claim?.holder !== maker) {
        const { holder = "nobody" } = record.claim ?? {};
        violations.push(`${change.kind} by ${maker}, and the claim was ${holder}'s`);
      }
    },
  };
}

function uploadOf(change: Change): UploadId | undefined {
  if ("id" in change) return typeof change.id === "string" ? (change.id as UploadId) : undefined;
  return change.kind === "publish" ? change.file.uploadId : undefined;
}

/** Whether a part is committed, durably. */
export function isDurable(metadata: MemoryMetadata, id: UploadId, index: number): boolean {
  const { uploads, parts } = metadata.snapshot();
  const [record, table] = [uploads.get(id), parts.get(id)];
  return !record || !table || hasPart({ partCount: partCount(record), bits: table.bits }, index);
}

/** Contiguous durable bytes from 0; undefined where the record is gone. */
export function durableOffset(metadata: MemoryMetadata, id: UploadId): number | undefined {
  const { uploads, parts } = metadata.snapshot();
  const [record, table] = [uploads.get(id), parts.get(id)];
  return record && table && endOf(record, table.bits);
}

function endOf(record: UploadRecord, bits: Uint8Array): number {
  const count = contiguousParts({ partCount: partCount(record), bits });
  return Math.min(record.size, count * record.partSize) + (record.tail?.size ?? 0);
}
