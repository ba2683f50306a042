// A whole engine in memory, with the clock and the randomness of a test, and short words for what tests do with it.
import { createHash } from "node:crypto";
import {
  createSlotPool,
  type Engine,
  type EngineParts,
  type FileRecord,
  type Policy,
  type Principal,
  type RunCommitted,
} from "@holdfast/engine";
import {
  type CreateRequest,
  KIB,
  type PartRange,
  partCount,
  partOffset,
  partSizeAt,
  runSize,
  type UploadOffset,
  type UploadView,
} from "@holdfast/protocol";
import { createBody, type ScriptedBody } from "./body.ts";
import { createVirtualClock } from "./clock.ts";
import { nodeDigests } from "./digests.ts";
import { createMemoryMetadata } from "./metadata/memory.ts";
import { createRandom } from "./random.ts";
import { createMemoryStorage } from "./storage/memory.ts";

export const alice: Principal = { id: "alice", tenant: "wonderland" };

/** Everybody may do everything with what is theirs. */
export const openPolicy: Policy = {
  authenticate: async () => alice,
  recall: async () => alice,
  decide: async () => undefined,
};

/** The ports of an engine in memory; what a test cares for replaces its default. */
export function memoryParts(parts: Partial<EngineParts> = {}): EngineParts {
  return {
    storage: createMemoryStorage(),
    metadata: createMemoryMetadata(),
    policy: openPolicy,
    clock: createVirtualClock(),
    random: createRandom("world"),
    digests: nodeDigests,
    slots: parts.slots ?? createSlotPool(16 * 1024 * KIB),
    readSlots: parts.readSlots ?? createSlotPool(4 * 1024 * KIB),
    keepFree: 0,
    log: () => undefined,
    ...parts,
  };
}

export function createRequest(size: number, more: Partial<CreateRequest> = {}): CreateRequest {
  return {
    name: "talk.mp4",
    size,
    type: "video/mp4",
    metadata: new Map(),
    digest: "sha-256",
    partSize: 256 * KIB,
    ...more,
  };
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** The digests of the parts of `content`, for a run of them or all. */
export function partDigests(view: UploadView, content: Uint8Array, run?: PartRange): Uint8Array[] {
  const [start, end] = run ?? [0, partCount(view)];
  const digests: Uint8Array[] = [];
  for (let index = start; index < end; index++) {
    const at = partOffset(view, index);
    digests.push(sha256(content.subarray(at, at + partSizeAt(view, index))));
  }
  return digests;
}

/** The bytes of a run of `content`. */
export function runBytes(
  view: UploadView,
  content: Uint8Array,
  [start, end]: PartRange,
): Uint8Array {
  const at = partOffset(view, start);
  return content.subarray(at, at + runSize(view, start, end));
}

export interface PutOptions {
  readonly body?: ScriptedBody;
  readonly digests?: readonly Uint8Array[];
  readonly crc32c?: number;
  readonly bodySize?: number;
  readonly size?: number;
  readonly transfer?: string;
  readonly principal?: Principal;
}

/** Sends a run of `content` as a well-behaved client would, but for what `options` change. */
export function putParts(
  engine: Engine,
  view: UploadView,
  content: Uint8Array,
  run: PartRange,
  options: PutOptions = {},
): Promise<RunCommitted> {
  const { body = createBody(runBytes(view, content, run)), principal = alice, ...rest } = options;
  const { digests: sent = partDigests(view, content, run), ...more } = rest;
  const digests = new Map([[view.digest, sent]]);
  return engine.putRun(principal, { id: view.id, run, digests, body, ...more });
}

/** All bytes of a published file. */
export async function readAll(engine: Engine, view: UploadView): Promise<Uint8Array> {
  const file = await engine.file(alice, view.file?.id ?? "");
  return gather(engine.read(file, { start: 0, end: file.size }));
}

/** The digests of an upload's parts one after another, zeros where one is not committed. */
export async function readDigests(
  engine: Engine,
  { id }: { readonly id: string },
): Promise<Uint8Array> {
  return gather((await engine.digests(alice, id)).pieces);
}

/** The bytes of a file's manifest. */
export async function readManifest(engine: Engine, file: FileRecord): Promise<Uint8Array> {
  return gather(await engine.manifest(file));
}

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

export interface AppendOptions {
  readonly body?: ScriptedBody;
  readonly isLast?: boolean;
  readonly size?: number;
  readonly digest?: Uint8Array;
  readonly transfer?: string;
  readonly principal?: Principal;
}

/** Appends `bytes` at `at` as a well-behaved client would, but for what `options` change. */
export function appendBytes(
  engine: Engine,
  { id }: { readonly id: string },
  at: number,
  bytes: Uint8Array,
  options: AppendOptions = {},
): Promise<UploadOffset> {
  const { isLast = false, principal = alice, body = createBody(bytes), ...more } = options;
  const bodySize = options.body ? {} : { bodySize: bytes.length };
  return engine.append(principal, { id, at, isLast, body, ...bodySize, ...more });
}
