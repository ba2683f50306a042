// Uploads that are begun, cut and finished by different protocols, in every order and by chance; and what must be true of each.
import { encodeHex } from "@holdfast/protocol";
import type { SeededRandom } from "../random.ts";
import { APPEND_WAYS } from "./append-ways.ts";
import { BEGINNINGS, type Beginning, begin, type MixedJob, requireStatus, viewOf } from "./job.ts";
import { PART_WAYS, PLAIN } from "./part-ways.ts";
import { createTalk, type Place } from "./talk.ts";
import type { Brought, Ending, Way } from "./way.ts";

const WAYS: readonly Way[] = [...APPEND_WAYS, ...PART_WAYS];
const PROTOCOLS = [APPEND_WAYS.slice(0, 1), APPEND_WAYS.slice(1), ...PART_WAYS.map((way) => [way])];
const CUTS = ["end", "reset", "silence", "digest", "none"] as const;

export interface Step {
  readonly way: Way;
  /** Where it ends, in bytes. */
  readonly to: number;
  readonly ending: Ending;
}

export interface Mix {
  readonly by: Beginning;
  readonly size: number;
  readonly isSized: boolean;
  readonly steps: readonly Step[];
  readonly last: Way;
}

export interface MixWorld extends Place {
  /** The content of an upload is the beginning of it: as long as the longest. */
  readonly bytes: Uint8Array;
  /** Whether bytes that arrived before a connection ended in peace are always taken; true where the server reads the connection itself. */
  readonly takesAll: boolean;
  /** What happens to the server after each step. */
  readonly between?: () => Promise<void>;
}

export function describeMix({ by, size, isSized, steps, last }: Mix): string {
  const said = steps.map(({ way, to, ending }) => `${way.name} to ${to} (${ending})`);
  const begun = `begun by ${by} ${isSized ? "with" : "without"} its size ${size}`;
  return [begun, ...said, `finished by ${last.name}`].join(", ");
}

/** Three protocols after one another in every order, each version of one in its turn: cut twice, each time at another kind of place and in another way. */
export function* allMixes(partSize: number): Generator<Mix> {
  const size = 2 * partSize + 777;
  const places = [partSize + partSize / 2 + 5, partSize, partSize + 1000, 4095, 2 * partSize + 9];
  const at = <T>(items: readonly T[], turn: number, fallback: T): T =>
    items[turn % items.length] ?? fallback;
  let turn = 0;
  for (const first of PROTOCOLS) {
    for (const second of PROTOCOLS) {
      for (const last of PROTOCOLS) {
        if (first === second || second === last || first === last) continue;
        const cuts = [at(places, turn, 0), at(places, turn + 1 + (turn % 3), 0)];
        const way = (ways: readonly Way[], step: number) => at(ways, turn + step, PLAIN);
        yield {
          by: at(BEGINNINGS, turn, "own"),
          ...{ size, isSized: turn % 2 === 0, last: way(last, 2) },
          steps: [
            { way: way(first, 0), to: Math.min(...cuts), ending: at(CUTS, turn, "end") },
            { way: way(second, 1), to: Math.max(...cuts), ending: at(CUTS, turn + 2, "end") },
          ],
        };
        turn++;
      }
    }
  }
}

/** One by chance; its size may be any, down to nothing. */
export function randomMix(random: SeededRandom, partSize: number): Mix {
  const pick = <T>(items: readonly T[], fallback: T): T =>
    items[random.whole(items.length)] ?? fallback;
  const sizes = [0, 1, 4096, partSize - 1, partSize, partSize + 1, 2 * partSize];
  const size = random.chance(0.5) ? pick(sizes, 0) : random.whole(3 * partSize);
  const steps = Array.from({ length: random.whole(6) }, () => ({
    way: pick(WAYS, PLAIN),
    to: random.chance(0.3) ? Math.min(size, partSize * random.whole(4)) : random.whole(size + 1),
    ending: pick(CUTS, "none"),
  }));
  const by = pick(BEGINNINGS, "own");
  return { by, size, isSized: random.chance(0.5), steps, last: pick(WAYS, PLAIN) };
}

/** Resolves when the upload is a file, as it should be, and was removed again. */
export async function runMix(world: MixWorld, mix: Mix): Promise<void> {
  const talk = createTalk(world);
  try {
    const content = world.bytes.subarray(0, mix.size);
    const job = await begin(talk, mix.by, { content, isSized: mix.isSized });
    // An empty file is whole with its creation, but to who has to say so.
    const isOver = mix.size === 0 && mix.isSized && mix.by !== "ietf";
    if (!isOver) await bringAll(world, job, mix);
    await requireFile(world, job);
    requireNeverDown(talk.told());
  } catch (cause) {
    throw new Error(`${describeMix(mix)}; told ${talk.told().join(" ")}`, { cause });
  } finally {
    talk.close();
  }
}

async function bringAll(world: MixWorld, job: MixedJob, { steps, last }: Mix): Promise<void> {
  for (const { way, to, ending } of steps) {
    await requireOffset(world, job, await way.bring(job, to, ending));
    await world.between?.();
  }
  await last.finish(job);
}

/** A minute: however busy a machine is, what arrived is committed by then. */
const LOOKS_MAX = 6000;

/** What arrived is committed as soon as it can be: an interrupted append keeps every byte, unless a digest covers all of its body. */
async function requireOffset(
  world: MixWorld,
  job: MixedJob,
  { least, most = Number.POSITIVE_INFINITY }: Brought,
): Promise<void> {
  for (let looks = 0; ; looks++) {
    const { offset } = await viewOf(job);
    if (offset > most) throw new Error(`the offset is ${offset}, behind ${most}`);
    if (offset >= least || !world.takesAll) return;
    if (looks === LOOKS_MAX) throw new Error(`the offset stays at ${offset}, before ${least}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function requireFile(world: MixWorld, job: MixedJob): Promise<void> {
  const { state, file, partSize } = await viewOf(job);
  if (state !== "complete" || !file) throw new Error(`the upload is ${state}`);
  const served = await job.talk.ask({ method: "GET", path: file.url });
  requireStatus(served, [200], "the file");
  if (!served.bytes.equals(job.content)) throw new Error("the file has other bytes");
  const root = await rootByParts(world, job.content, partSize);
  if (encodeHex(file.root) !== root) throw new Error("the file has another root");
  const gone = await job.talk.ask({ method: "DELETE", path: file.url });
  requireStatus(gone, [204], "the end of the file");
}

/** The root of the same bytes on the same grid, as whole parts make it. */
async function rootByParts(
  world: MixWorld,
  content: Uint8Array,
  partSize: number,
): Promise<string> {
  const talk = createTalk(world);
  const job = await begin(talk, "own", { content, isSized: true }, partSize);
  if (content.length > 0) await PLAIN.finish(job);
  const { file } = await viewOf(job);
  if (!file) throw new Error("there is no file by parts alone");
  await talk.ask({ method: "DELETE", path: file.url });
  return encodeHex(file.root);
}

function requireNeverDown(told: readonly number[]): void {
  told.reduce((before, offset) => {
    if (offset < before) throw new Error(`offset ${offset} was told after ${before}`);
    return offset;
  }, 0);
}
