// Crashes a server at every step of uploads that end with their last byte, and of finals that are put together of others; then holds against what is left that
// whoever is told of the last byte gets the file, that a final has the bytes of its partials, and that nothing of those is left behind.
import type { ToldOffset } from "@holdfast/engine";
import { isHoldfastError, KIB, type UploadId, type UploadView } from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { sameBytes } from "../same-bytes.ts";
import { alice, createRequest, readAll } from "../world.ts";
import {
  type CrashOptions,
  type CrashReport,
  crashEverywhere,
  type LifeCycle,
} from "./every-step.ts";
import { BYTES_DIRECTORY, type Life as DiskLife, diskLives, nothing } from "./life.ts";
import { landLate, nothingYet, type PartsLife, partsLives, whileTimePasses } from "./parts-life.ts";
import { leftBehind as leftInStore } from "./parts-promises.ts";

type Life = Pick<DiskLife & PartsLife, "engine" | "crashed" | "steps" | "metadata" | "clock">;

const HOUR = 60 * 60 * 1000;
const bytes = createRandom("crash/finals").bytes(300 * KIB);
/** None ends where a part or a block does. */
const PIECES = [bytes.subarray(0, 270 * KIB + 1), bytes.subarray(270 * KIB + 1)] as const;
const FINAL = Buffer.concat([PIECES[0], PIECES[1], PIECES[0]]);

interface Seen {
  /** The upload that ends with its last byte, and whether anybody was told that it has. */
  whole?: UploadId;
  isWholeTold: boolean;
  readonly partials: UploadId[];
  final?: UploadId;
  isDeleted: boolean;
}

export function simulateFinals(options: CrashOptions): Promise<CrashReport> {
  const left = leftOnDisk;
  return simulateOn({ cycle: diskLives, start: nothing, run: (work) => work, left }, options);
}

/** The same over a store of parts, where bytes cannot be read before they are one object, and requests arrive late. */
export function simulatePartFinals(options: CrashOptions): Promise<CrashReport> {
  const left = async (life: PartsLife): Promise<string[]> => {
    landLate(life);
    return leftInStore(life);
  };
  return simulateOn({ cycle: partsLives, start: nothingYet, run: whileTimePasses, left }, options);
}

interface Place<L extends Life, Remains> {
  readonly cycle: LifeCycle<L, Remains>;
  readonly start: Remains;
  /** Runs work in which time passes, where that has to be made to. */
  readonly run: <T>(work: Promise<T>, life: L) => Promise<T>;
  /** What is there days later that nobody wants. */
  readonly left: (life: L) => Promise<string[]>;
}

function simulateOn<L extends Life, Remains>(
  { cycle, start, run, left }: Place<L, Remains>,
  options: CrashOptions,
): Promise<CrashReport> {
  return crashEverywhere<Seen, L, Remains>(
    {
      ...{ cycle, start },
      seeNothing: () => ({ isWholeTold: false, partials: [], isDeleted: false }),
      work: (life, seen) => run(work(life, seen), life),
      async violations(remains, seen) {
        const life = await cycle.begin(remains, "after");
        const wrong = await run(violationsIn(life, seen), life);
        return [...wrong, ...(await left(life).catch((error: unknown) => [String(error)]))];
      },
    },
    options,
  );
}

const BEGINNING = { protocol: "tus", note: "as it came" } as const;

async function work(life: Life, seen: Seen): Promise<void> {
  const { engine } = life;
  const whole = await engine.create(alice, createRequest(bytes.length), undefined, BEGINNING);
  seen.whole = whole.id;
  await append(life, whole.id, bytes);
  seen.isWholeTold = true;
  for (const piece of PIECES) {
    const role = { kind: "partial" } as const;
    const wants = createRequest(piece.length);
    const { id } = await engine.create(alice, wants, undefined, { ...BEGINNING, role });
    await append(life, id, piece);
    seen.partials.push(id);
  }
  const [first = "", second = ""] = seen.partials;
  const { size: _, ...request } = createRequest(0);
  const making = engine.concatenate(alice, {
    ...{ ...BEGINNING, request, partials: [first, second, first] },
  });
  await untilRecorded(life);
  // While the final is read from it: its bytes have to stay until that has got them.
  await engine.abort(alice, second);
  seen.isDeleted = true;
  seen.final = (await making).id;
  await untilWhole(life, seen.final);
}

async function untilRecorded({ metadata, crashed }: Life): Promise<void> {
  let isOver = false;
  crashed.then(() => {
    isOver = true;
  });
  const isFinal = () =>
    [...metadata.snapshot().uploads.values()].some(({ role }) => role?.kind === "final");
  while (!isFinal() && !isOver) await new Promise((resolve) => setImmediate(resolve));
}

function append({ engine }: Life, id: UploadId, content: Uint8Array): Promise<ToldOffset> {
  const body = createBody(content);
  const bodySize = content.length;
  return engine.append(alice, { id, at: 0, isLast: false, completes: "at-size", body, bodySize });
}

/** Clients ask until they are told an offset. */
async function untilWhole({ engine, clock }: Life, id: UploadId): Promise<ToldOffset> {
  for (let times = 0; times < 1000; times++) {
    const told = await engine.offset(alice, id, "at-size");
    if (told.isComplete) return told;
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it never becomes whole");
}

async function violationsIn(life: Life, seen: Seen): Promise<string[]> {
  await life.engine.recover();
  const wrong: string[] = [];
  for (const check of [wholeWrongly, finalWrongly, partialsWrongly]) {
    wrong.push(...(await check(life, seen).catch((error: unknown) => [String(error)])));
  }
  return wrong;
}

/** Whoever asks where to go on, and hears that nothing is missing, has a file. */
async function wholeWrongly(life: Life, { whole, isWholeTold }: Seen): Promise<string[]> {
  if (whole === undefined) return [];
  const { offset, isComplete } = await life.engine.offset(alice, whole, "at-size");
  if (offset === bytes.length && !isComplete)
    return ["its last byte is told, and there is no file"];
  if (!isComplete) return isWholeTold ? ["an acknowledged file is gone"] : [];
  return (await hasBytes(life, whole, bytes)) ? [] : ["the whole upload has other bytes"];
}

async function hasBytes({ engine }: Life, id: UploadId, wanted: Uint8Array): Promise<boolean> {
  const view: UploadView = await engine.status(alice, id);
  return sameBytes(await readAll(engine, view), wanted);
}

async function finalWrongly(life: Life, seen: Seen): Promise<string[]> {
  // One that was recorded, and whose client never heard of it, becomes a file as well.
  const { uploads } = life.metadata.snapshot();
  const finals = [...uploads.values()].filter(({ role }) => role?.kind === "final");
  if (seen.final !== undefined && finals.length === 0) return ["an acknowledged final is gone"];
  const wrong: string[] = [];
  for (const { id } of finals) {
    await untilWhole(life, id);
    if (!(await hasBytes(life, id, FINAL))) wrong.push("a final has other bytes");
  }
  return wrong;
}

/** One that was deleted stays so, the other is there to be read again; neither is ever a file. */
async function partialsWrongly({ engine, metadata }: Life, seen: Seen): Promise<string[]> {
  const [first, second] = seen.partials;
  if (seen.isDeleted && second !== undefined) {
    const code = await engine.offset(alice, second).then(
      () => "there",
      (error: unknown) => (isHoldfastError(error) ? error.code : String(error)),
    );
    if (code !== "upload_ended") return [`a partial that was deleted is ${code}`];
  }
  if (first !== undefined) {
    const { offset } = await engine.offset(alice, first);
    if (offset !== PIECES[0].length) return [`a partial has ${offset} bytes`];
  }
  const published = [...metadata.snapshot().files.values()].map(({ uploadId }) => uploadId);
  return published.some((id) => seen.partials.includes(id)) ? ["a partial has become a file"] : [];
}

/** What ends with time takes everything along but files. */
async function leftOnDisk({ engine, clock, disk, metadata }: DiskLife): Promise<string[]> {
  for (let times = 0; times < 3; times++) {
    clock.advance(25 * HOUR);
    const { failed } = await engine.sweep("server", { isDryRun: false });
    if (failed > 0) return ["a sweep could not do its work"];
  }
  const { uploads, files } = metadata.snapshot();
  const kept = [...files.values()].map(({ uploadId }) => uploadId);
  const names = disk.names().filter((name) => name.startsWith(BYTES_DIRECTORY));
  return [
    ...names
      .filter((name) => !kept.some((id) => name.includes(id)))
      .map((name) => `${name} is left`),
    ...(uploads.size === 0 ? [] : [`${uploads.size} records are left`]),
  ];
}
