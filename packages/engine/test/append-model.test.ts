// Random appends, cuts, parts, questions and restarts on one upload, beside the plainest model there is: the content, and the offset that was told last.
import { createEngine, type Engine, type Storage } from "@holdfast/engine";
import {
  HoldfastError,
  hasPart,
  isHoldfastError,
  KIB,
  partSizeAt,
  type UploadView,
} from "@holdfast/protocol";
import { createBody } from "@holdfast/testkit/body";
import { createMemoryMetadata, type MemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts, type MemoryParts } from "@holdfast/testkit/storage/parts";
import {
  alice,
  appendBytes,
  createRequest,
  memoryParts,
  putParts,
  readAll,
  sha256,
} from "@holdfast/testkit/world";
import fc from "fast-check";
import { expect, it } from "vitest";

const PART = 256 * KIB;
const PARTS = 4;
const content = createRandom("model").bytes((PARTS - 1) * PART + 70_001);

type Step =
  /** `size` bytes where the upload ends; the body is cut after `cut` of them, if that is fewer. */
  | { readonly do: "append"; readonly size: number; readonly cut: number; readonly how: How }
  | { readonly do: "put"; readonly index: number; readonly isWrong: boolean }
  /** An append that stays open while another request comes. */
  | { readonly do: "meet"; readonly size: number; readonly who: "put" | "offset" | "append" }
  | { readonly do: "offset" }
  /** The size comes with no bytes. */
  | { readonly do: "size"; readonly hasDigest: boolean }
  | { readonly do: "restart" };

type How = "plain" | "digest" | "wrong digest" | "wrong offset";

/** Whether the size is told with the creation; else what it may be at most. */
type Sizing = "told" | "any" | "at most as many";
/** How the last bytes come: where the upload ends, or with all others once more. */
type Finish = "rest" | "rest with a digest" | "all" | "all with a digest";

const size = fc.oneof(
  fc.constantFrom(0, 1, 4095, 4096, 4097, PART - 1, PART, PART + 1),
  fc.integer({ min: 0, max: 2 * PART }),
);
const how = fc.constantFrom<How>("plain", "plain", "digest", "wrong digest", "wrong offset");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("append" as const), size, cut: size, how }),
  fc.record({ do: fc.constant("append" as const), size, cut: size, how }),
  fc.record({
    do: fc.constant("put" as const),
    index: fc.integer({ min: 0, max: PARTS - 1 }),
    isWrong: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("meet" as const),
    size,
    who: fc.constantFrom("put" as const, "offset" as const, "append" as const),
  }),
  fc.constant({ do: "offset" } as const),
  fc.record({ do: fc.constant("size" as const), hasDigest: fc.boolean() }),
  fc.constant({ do: "restart" } as const),
);

const sizing = fc.constantFrom<Sizing>("told", "any", "at most as many");
const finishing = fc.constantFrom<Finish>("rest", "rest with a digest", "all", "all with a digest");
const MOST = { any: 8 * PART, "at most as many": content.length } as const;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return error.code;
  }
}

async function turn(): Promise<void> {
  for (let count = 0; count < 5; count++) await new Promise((resolve) => setImmediate(resolve));
}

interface World {
  readonly kind: Storage["kind"];
  readonly sizing: Sizing;
  engine: Engine;
  metadata: MemoryMetadata;
  readonly view: UploadView;
  readonly restart: () => void;
  /** Objects that a store of parts keeps beside the bytes. */
  readonly besides: () => number;
  /** What was told last: it never goes down. */
  told: number;
}

async function begin(storage: Storage | MemoryParts, sizing: Sizing): Promise<World> {
  const metadata = createMemoryMetadata();
  const engine = createEngine(memoryParts({ storage, metadata }));
  const { size: _, ...request } = createRequest(0);
  const view = await engine.create(alice, {
    ...request,
    ...(sizing === "told" ? { size: content.length } : { maxSize: MOST[sizing] }),
  });
  let lives = 0;
  const world: World = {
    kind: storage.kind,
    sizing,
    engine,
    metadata,
    view,
    told: 0,
    besides: () => ("state" in storage ? storage.state.objects.size : 0),
    restart() {
      world.metadata = createMemoryMetadata({ state: world.metadata.snapshot() });
      const random = createRandom(`life ${lives++}`);
      world.engine = createEngine(memoryParts({ storage, metadata: world.metadata, random }));
    },
  };
  return world;
}

async function ask(world: World): Promise<number> {
  const { offset } = await world.engine.offset(alice, world.view.id);
  expect(offset).toBeGreaterThanOrEqual(world.told);
  world.told = offset;
  return offset;
}

const WITH_SIZE: Partial<Record<How, (piece: Uint8Array) => Uint8Array>> = {
  digest: (piece) => sha256(piece),
  "wrong digest": () => sha256(content),
};

async function doAppend(world: World, step: Extract<Step, { do: "append" }>): Promise<void> {
  const at = await ask(world);
  const piece = content.subarray(at, at + step.size);
  const from = step.how === "wrong offset" ? at + 1 : at;
  const isCut = step.cut < piece.length;
  const body = createBody(piece.subarray(0, step.cut));
  const cut = new HoldfastError("body_size_mismatch");
  const sent = isCut ? { ...body, stopped: () => cut } : createBody(piece);
  const digest = WITH_SIZE[step.how]?.(piece);
  const options = { body: sent, ...(digest ? { digest } : {}) };
  const code = await codeOf(appendBytes(world.engine, world.view, from, piece, options));
  const after = await ask(world);
  if (step.how === "wrong offset")
    return void expect([code, after]).toEqual(["offset_mismatch", at]);
  // Parts that are committed ahead may carry the offset further than what came.
  const isWrong = step.how === "wrong digest" && piece.length < content.length;
  if (isCut) expect(code).toBe("body_size_mismatch");
  else expect(code).toBe(isWrong ? "digest_mismatch" : "ok");
  if (isWrong || (isCut && digest)) expect(after).toBe(at);
  else expect(after).toBeGreaterThanOrEqual(at + Math.min(step.cut, piece.length));
}

/** A store of parts binds what streams into it: one whose size is wrong is told beforehand, or it would stand in the way of every other. */
function put({ kind, engine, view }: World, index: number, bytes: Uint8Array): Promise<unknown> {
  const known = { ...view, size: content.length };
  const bodySize = partSizeAt(known, index);
  const options = kind === "parts" ? { bodySize } : {};
  return putParts(engine, known, bytes, [index, index + 1], options);
}

async function doPut(world: World, index: number, isWrong: boolean): Promise<void> {
  const before = await world.engine.status(alice, world.view.id);
  const bytes = isWrong ? content.map((byte) => byte ^ 1) : content;
  const code = await codeOf(put(world, index, bytes));
  const isShort = index === PARTS - 1 && !before.hasSize;
  if (isShort && world.sizing === "at most as many") return void expect(code).toBe("size_mismatch");
  // Bytes that differ from a tail are noticed before the end that comes too early.
  if (isShort) {
    const codes = isWrong ? ["body_size_mismatch", "part_conflict"] : ["body_size_mismatch"];
    return void expect(codes).toContain(code);
  }
  const isThere = hasPart(before.committed, index);
  const hasTail = before.offset > index * PART && before.offset < (index + 1) * PART;
  if (isWrong && (isThere || hasTail)) expect(code).toBe("part_conflict");
  else expect(code).toBe("ok");
}

async function doMeet(world: World, step: Extract<Step, { do: "meet" }>): Promise<void> {
  const at = await ask(world);
  const body = createBody();
  const open = codeOf(appendBytes(world.engine, world.view, at, content, { body }));
  body.push(content.subarray(at, at + step.size));
  await turn();
  const index = Math.min(PARTS - 1, Math.floor(at / PART));
  if (step.who === "put") await codeOf(put(world, index, content));
  // Without a size nothing would keep the content from coming twice.
  const rest = content.subarray(at);
  if (step.who === "append") await codeOf(appendBytes(world.engine, world.view, at, rest));
  const after = await ask(world);
  expect(after).toBeGreaterThanOrEqual(Math.min(content.length, at));
  // Whoever came, the first one has ended, or ends now that its body does.
  body.end();
  await open;
}

async function doSize(world: World, hasDigest: boolean): Promise<void> {
  const at = await ask(world);
  const nothing = new Uint8Array();
  const digest = hasDigest ? { digest: sha256(nothing) } : {};
  await appendBytes(world.engine, world.view, at, nothing, { size: content.length, ...digest });
  expect(await ask(world)).toBe(at);
}

async function finish(world: World, how: Finish): Promise<Uint8Array> {
  const offset = await ask(world);
  const at: number | "start" = how.startsWith("all") ? "start" : offset;
  const bytes = at === "start" ? content : content.subarray(at);
  const digest = how.endsWith("digest") ? { digest: sha256(bytes) } : {};
  const last = { id: world.view.id, at, isLast: true, body: createBody(bytes), ...digest };
  const end = await world.engine.append(alice, { ...last, bodySize: bytes.length });
  expect(end).toMatchObject({ offset: content.length, isComplete: true, size: content.length });
  const done = await world.engine.status(alice, world.view.id);
  return readAll(world.engine, done);
}

const KINDS = [
  ["regions", () => createMemoryStorage()],
  ["parts", () => createMemoryParts()],
] as const;

it.each(KINDS)(
  "ends with the content, whatever came before, over a storage of %s",
  {
    timeout: 120_000,
  },
  async (_, createStorage) => {
    await fc.assert(
      fc.asyncProperty(sizing, fc.array(step, { maxLength: 12 }), finishing, async (...run) => {
        const [sizing, steps, end] = run;
        const world = await begin(createStorage(), sizing);
        // A part with other bytes that nobody has begun is what it is: the content differs from then on, and the run ends.
        let isSpoiled = false;
        for (const next of steps) {
          if (next.do === "append") await doAppend(world, next);
          if (next.do === "meet") await doMeet(world, next);
          if (next.do === "offset") await ask(world);
          if (next.do === "size") await doSize(world, next.hasDigest);
          if (next.do === "restart") world.restart();
          if (next.do !== "put") continue;
          const view = await world.engine.status(alice, world.view.id);
          const isKnown = hasPart(view.committed, next.index) || view.offset > next.index * PART;
          if (next.isWrong && !isKnown) isSpoiled = true;
          if (isSpoiled) break;
          await doPut(world, next.index, next.isWrong);
        }
        expect(Buffer.compare(await finish(world, end), content)).toBe(0);
        // Beside the bytes there is the manifest, and nothing else.
        expect(world.besides()).toBe(world.kind === "parts" ? 1 : 0);
      }),
      { numRuns: 150 },
    );
  },
);
