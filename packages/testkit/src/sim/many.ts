// Stops one of several servers at every step of what it does, for good, or for so long that others take over, and holds against what is left that nothing acknowledged
// is lost, no offset goes back, each file is published once, and nothing is left that nobody wants.
import {
  isHoldfastError,
  KIB,
  type PartRange,
  type UploadId,
  type UploadView,
} from "@holdfast/protocol";
import { createBody } from "../body.ts";
import { createRandom } from "../random.ts";
import { sameBytes } from "../same-bytes.ts";
import { alice, createRequest, partDigests, readAll, readManifest, runBytes } from "../world.ts";
import { createManyClient, type ManyClient } from "./many-client.ts";
import { followAlong } from "./many-follow.ts";
import { durableOffset, isDurable } from "./many-guard.ts";
import { createManyWorld, type Fate, type ManyWorld } from "./many-world.ts";

const PART = 256 * KIB;
const HOUR = 60 * 60 * 1000;
/** Two whole parts and a short one. */
const content: Uint8Array = createRandom("many").bytes(2 * PART + 5000);

/** For good; past the patience of who waits; past the life of a claim. */
const STOPS_MS = [Number.POSITIVE_INFINITY, 4000, 20_000] as const;

export interface ManyReport {
  /** Steps of the first server where nothing stops it. */
  readonly steps: number;
  readonly runs: number;
  readonly violations: readonly string[];
}

export interface ManyOptions {
  /** What clients do. */
  readonly work?: Work;
  readonly seed?: string;
  /** Every how many steps. */
  readonly stride?: number;
  /** Ends at the first violation. */
  readonly isHasty?: boolean;
}

export async function simulateMany(options: ManyOptions = {}): Promise<ManyReport> {
  const { work = "uploads", seed = "0", stride = 1, isHasty = false } = options;
  const calm = createManyWorld(seed);
  const violations = [...(await live(calm, work, "nothing stops"))];
  const steps = calm.steps();
  let runs = 1;
  for (let step = 1; step <= steps; step += stride) {
    for (const forMs of STOPS_MS) {
      if (isHasty && violations.length > 0) return { steps, runs, violations };
      const fate: Fate = { step, forMs };
      const what = `step ${step} for ${forMs} ms`;
      violations.push(...(await live(createManyWorld(seed, fate), work, what)));
      runs++;
    }
  }
  return { steps, runs, violations };
}

/** What clients were told. */
interface Seen {
  readonly completed: Map<string, string>;
  readonly offsets: Map<string, number>;
  readonly deleted: Set<string>;
  readonly wrong: string[];
}

interface Life {
  readonly world: ManyWorld;
  readonly client: ManyClient;
  readonly seen: Seen;
  /** Those who read uploads along; undefined where they are not to be read before they are files. */
  readonly following?: Promise<void>[];
}

type Work = "uploads" | "finals" | "live";

const WORK: Readonly<Record<Work, readonly ((life: Life) => Promise<void>)[]>> = {
  uploads: [parts, twice, either, appended, ended, deleted],
  finals: [concatenated, concatenated],
  live: [parts, twice, either, appended, deleted],
};

async function live(
  world: ManyWorld,
  kind: keyof typeof WORK,
  what: string,
): Promise<readonly string[]> {
  const seen: Seen = {
    ...{ completed: new Map(), offsets: new Map() },
    ...{ deleted: new Set(), wrong: [] },
  };
  const following: Promise<void>[] = [];
  const live = kind === "live" ? { following } : {};
  const life = { world, client: createManyClient(world), seen, ...live };
  try {
    await world.until(Promise.all(WORK[kind].map((work) => work(life))));
    await world.until(Promise.all(following));
    // Whoever sleeps wakes, and does what it was about to do.
    await world.until(new Promise<void>((resolve) => world.clock.after(60_000, resolve)));
    await violationsIn(life);
  } catch (error) {
    seen.wrong.push(
      error instanceof Error ? `${error.message} (${String(error.cause ?? "")})` : String(error),
    );
  }
  return [...world.violations, ...seen.wrong].map((text) => `${what}: ${text}`);
}

async function create(life: Life, first: number, size?: number): Promise<UploadView> {
  const { client, world, seen, following } = life;
  const { size: _, ...request } = createRequest(0);
  const sized = size === undefined ? { maxSize: 8 * PART } : { size };
  const live = following ? ({ live: true } as const) : {};
  const view = await client.ask(first, (engine) =>
    engine.create(alice, { ...request, ...sized, ...live }),
  );
  // At another server than those that write at first.
  const along = { view, content, first: first + 2, wrong: seen.wrong };
  following?.push(followAlong(world, client, along));
  return view;
}

async function put(
  { client, seen, world }: Life,
  first: number,
  view: UploadView,
  run: PartRange,
): Promise<void> {
  const digests = new Map([[view.digest, partDigests(view, content, run)]]);
  await client.send(
    first,
    runBytes(view, content, run),
    (engine, body) => engine.putRun(alice, { id: view.id, run, digests, body }),
    () => {
      for (let index = run[0]; index < run[1]; index++) {
        if (isDurable(world.metadata, view.id, index)) continue;
        seen.wrong.push(`part ${index} was acknowledged, and is not durable`);
      }
    },
  );
}

/** Until it is complete, which may take longer than an answer. */
async function complete({ client, seen }: Life, first: number, { id }: UploadView) {
  const note = ({ state, file }: UploadView) => {
    if (state === "complete" && file) noteCompleted(seen, id, file.id);
  };
  while (!seen.completed.has(id)) {
    await client.ask(first, (engine) => engine.complete(alice, id, {}), note);
  }
}

function noteCompleted({ completed, wrong }: Seen, id: string, file: string): void {
  if ((completed.get(id) ?? file) !== file) wrong.push("it has become two files");
  completed.set(id, file);
}

/** Parts through two servers, and completed at the first one. */
async function parts(life: Life): Promise<void> {
  const view = await create(life, 0, content.length);
  await Promise.all([put(life, 0, view, [0, 2]), put(life, 1, view, [2, 3])]);
  await complete(life, 0, view);
}

/** Completed at two servers at once. */
async function twice(life: Life): Promise<void> {
  const view = await create(life, 1, content.length);
  await put(life, 0, view, [0, 3]);
  await Promise.all([complete(life, 0, view), complete(life, 1, view)]);
}

/** Aborted while it completes: it ends one way. */
async function either(life: Life): Promise<void> {
  const { client } = life;
  const view = await create(life, 2, content.length);
  await put(life, 2, view, [0, 3]);
  const ended = (error: unknown) => {
    const code = isHoldfastError(error) ? error.code : String(error);
    if (code !== "upload_ended" && code !== "upload_not_open") throw error;
  };
  const aborting = client.ask(1, (engine) => engine.abort(alice, view.id)).catch(ended);
  await Promise.all([complete(life, 0, view).catch(ended), aborting]);
}

/** Bytes appended at one server after another, each of which has been asked for the offset. */
async function appended(life: Life): Promise<void> {
  const view = await create(life, 0);
  const ends = [5001, PART + 100, 2 * PART, content.length];
  for (const [turn, end] of ends.entries()) await appendTo(life, turn % 2, view, end);
  await complete(life, 0, view);
}

/** An append that ends where somebody asks another server for the offset, and nobody goes on with it: whoever was at it adds nothing to what was told. */
async function ended(life: Life): Promise<void> {
  const { world, client, seen } = life;
  const { id } = await create(life, 1);
  const body = createBody();
  const [first] = world.servers;
  const appending = first?.engine.append(alice, { id, at: 0, isLast: false, body });
  appending?.catch(() => undefined);
  for (const end of [5001, PART + 100]) {
    body.push(content.subarray(0, end));
    await pause(world, 3500);
  }
  await client.ask(
    1,
    (engine) => engine.offset(alice, id),
    ({ offset }) => requireDurable(life, id, offset),
  );
  body.end();
  await pause(world, 30_000);
  await client
    .ask(2, (engine) => engine.abort(alice, id))
    .catch((error: unknown) => {
      seen.wrong.push(`it cannot be aborted: ${String(error)}`);
    });
}

function pause({ clock }: ManyWorld, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

function requireDurable({ world, seen }: Life, id: UploadId, offset: number): void {
  const durable = durableOffset(world.metadata, id) ?? offset;
  if (offset > durable) seen.wrong.push(`offset ${offset} was told, and ${durable} is durable`);
}

async function appendTo(life: Life, first: number, view: UploadView, end: number): Promise<void> {
  const { client, seen } = life;
  const { id } = view;
  for (;;) {
    const floor = seen.offsets.get(id) ?? 0;
    const note = ({ offset }: { readonly offset: number }) => {
      if (offset < floor) seen.wrong.push(`the offset was ${floor}, and is ${offset}`);
      requireDurable(life, id, offset);
      seen.offsets.set(id, Math.max(offset, seen.offsets.get(id) ?? 0));
    };
    const { offset: at } = await client.ask(first, (engine) => engine.offset(alice, id), note);
    const isLast = end === content.length;
    if (at >= end && !isLast) return;
    const bytes = content.subarray(at, end);
    const bodySize = bytes.length;
    const append = client.send(
      first,
      bytes,
      (engine, body) => engine.append(alice, { id, at, isLast, body, bodySize }),
      note,
    );
    try {
      await append;
      return;
    } catch (error) {
      // What was given up may have come all the same.
      if (!isHoldfastError(error) || !AGAIN.has(error.code)) throw error;
    }
  }
}

const AGAIN: ReadonlySet<string> = new Set(["offset_mismatch", "upload_not_open"]);

/** None ends where a part does. */
const PIECES = [content.subarray(0, PART + 777), content.subarray(PART + 777)] as const;
const BEGINNING = { protocol: "tus" } as const;

/** Put together at one server of what came to two others, one of which ends a partial as soon as anybody knows of the final. */
async function concatenated(life: Life): Promise<void> {
  const { client, seen } = life;
  const partials = await Promise.all(PIECES.map((bytes, at) => partial(life, at, bytes)));
  const { size: _, ...request } = createRequest(0);
  const { id } = await client.ask(0, (engine) =>
    engine.concatenate(alice, { ...BEGINNING, request, partials }),
  );
  const [first = ""] = partials;
  const ending = client.ask(1, (engine) => engine.abort(alice, first));
  while (!seen.completed.has(id)) {
    await client.ask(
      0,
      (engine) => engine.offset(alice, id, "at-size"),
      ({ fileId }) => fileId && noteCompleted(seen, id, fileId),
    );
  }
  await ending;
}

async function partial(life: Life, first: number, bytes: Uint8Array): Promise<string> {
  const { client } = life;
  const role = { kind: "partial" } as const;
  const { id } = await client.ask(first, (engine) =>
    engine.create(alice, createRequest(bytes.length), undefined, { ...BEGINNING, role }),
  );
  for (;;) {
    const { offset: at } = await client.ask(first, (engine) => engine.offset(alice, id));
    if (at === bytes.length) return id;
    const rest = bytes.subarray(at);
    const append = client.send(first, rest, (engine, body) =>
      engine.append(alice, { id, at, isLast: false, completes: "at-size", body }),
    );
    await append.catch((error: unknown) => {
      // What was given up may have come all the same.
      if (!isHoldfastError(error) || !AGAIN.has(error.code)) throw error;
    });
  }
}

async function deleted(life: Life): Promise<void> {
  const { client, seen } = life;
  const view = await create(life, 0, content.length);
  await put(life, 1, view, [0, 3]);
  await complete(life, 2, view);
  const file = seen.completed.get(view.id) ?? "";
  seen.deleted.add(view.id);
  await client
    .ask(0, (engine) => engine.deleteFile(alice, file))
    // It was gone before anybody heard of it.
    .catch((error: unknown) => {
      if (!isHoldfastError(error) || error.code !== "file_not_found") throw error;
    });
}

async function violationsIn(life: Life): Promise<void> {
  const { world, seen } = life;
  const { wrong } = seen;
  const { files, outbox } = world.metadata.snapshot();
  const published = [...files.values()].map(({ uploadId }) => uploadId);
  if (new Set(published).size !== published.length) wrong.push("an upload became two files");
  const told = outbox.filter(({ kind }) => kind === "upload.complete").map(({ fileId }) => fileId);
  if (new Set(told).size !== told.length) wrong.push("a file was told of twice");
  const [, other] = world.servers;
  if (!other) return;
  for (const [id, file] of seen.completed) {
    if (seen.deleted.has(id)) {
      if (files.get(file as never)) wrong.push("a deleted file is there");
      continue;
    }
    const view = await world.until(other.engine.status(alice, id));
    if (view.file?.id !== file) wrong.push(`complete as ${file}, and now ${view.state}`);
    else if (!sameBytes(await world.until(readAll(other.engine, view)), content)) {
      wrong.push("the published bytes are wrong");
    } else await world.until(readManifest(other.engine, await other.engine.file(alice, file)));
  }
  await leftBehind(life);
}

/** Days later there are the files, each with its manifest, and nothing else. */
async function leftBehind({ world, seen }: Life): Promise<void> {
  const [, other] = world.servers;
  for (let times = 0; times < 3; times++) {
    world.clock.advance(25 * HOUR);
    const report = await world.until(
      other?.engine.sweep("server", { isDryRun: false }) ?? Promise.reject(),
    );
    if (report.failed > 0) seen.wrong.push("a sweep could not do its work");
  }
  const { files, uploads } = world.metadata.snapshot();
  const { places, objects } = world.state;
  const whole = [...places.values()].filter(({ object }) => object).length;
  if (places.size !== files.size || whole !== files.size) {
    seen.wrong.push(`${files.size} files, and ${places.size} places (${whole} whole)`);
  }
  if (objects.size !== files.size) seen.wrong.push(`left beside: ${[...objects.keys()]}`);
  if (uploads.size > 0) seen.wrong.push(`${uploads.size} records are left`);
}
