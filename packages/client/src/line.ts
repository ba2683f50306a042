// What a transfer knows of its line, learned from each run: how many runs it takes at once, and how long they may be.
import { MIB } from "@holdfast/protocol";

/** Bytes of a run at most. */
export const RUN_SIZE: number = 16 * MIB;
/** Memory for the runs in flight, in bytes. */
export const MEMORY: number = 64 * MIB;
/** Runs in flight at most. */
export const IN_FLIGHT = 12;
/** The same where what came of a run is kept when it is cut: one more costs a server little, and the others nothing. */
export const IN_FLIGHT_KEPT = 16;

/** A run takes about this long: the gap between two runs is small beside it, and what is learned from it still new. */
const RUN_MS = 4_000;
/** Where a run whose connection breaks goes out again as a whole, it costs as much as is lost of it: half of it. */
export const RUN_MS_WHOLE = 1_200;
/** Where one part takes longer, more of them at once would only make each last longer, and a cut of the line cost all of them. */
export const PART_MS_MAX = 5_000;
/** Where only the end of this process costs what came of a part. */
const PART_MS_KEPT = 7_500;
/** Runs in flight while nothing is known: several that share a very slow line would all be lost with it, and what the kernel holds of them stands in the way of the rest. */
const FIRST = 1;
/** Runs in flight once the line has shown that it moves; from there on each one more must be worth it. */
const USUAL = 4;
/** A run is at most so many times as long as the one before it. */
const GROWTH = 4;
/** More in flight stay if each brings at least this share of what each of the others brings; with the second, twice as many more are tried next. */
const GAIN = 0.5;
const GAIN_FULL = 0.75;
/** After runs have become longer, those that end in the first round are short ones still. */
const SETTLING_ROUNDS = 1;
/** Rounds until more are tried again: after trouble, or after it gained nothing; twice as many after each further time. */
const REST_ROUNDS = 4;
const REST_ROUNDS_MAX = 64;
/** With less left than so many rounds carry, the end comes before more in flight could have gained anything. */
const ROUNDS_LEFT = 2;
/** Fewer cuts say nothing about the line. */
const CUTS_MIN = 2;
const FORGIVEN = 5;
/** Where a cut costs nothing of a run but what was on its way, runs have at least so many parts: between two of them a connection carries nothing. */
const RUN_PARTS_KEPT = 3;
/** Runs whose pace is remembered. */
const PACES = 20;

export interface Bounds {
  readonly partSize: number;
  readonly runPartsMax: number;
  readonly inFlightMax: number;
  /** How long a run should take, in milliseconds, where that is not as usual. */
  readonly runMs?: number;
  /** What came of a run before its connection broke is kept. */
  readonly keepsCut?: true;
}

/** Runs that began since anything changed: only these say what the line does as it is used now. */
export interface Round {
  readonly since: number;
  readonly runs: number;
  readonly bytes: number;
  /** Of all of them together, side by side or not. */
  readonly ms: number;
  /** Bytes of every run that ended in this time, also of those that began before. */
  readonly ended: number;
}

/**
 * Bytes a second, measured in two ways that err differently. By the clock, what ended counts as if it had all moved meanwhile: a run more or less makes a quarter
 * of a round. By the runs, those of fast connections end first: one that came late and gets little makes it look as if there were more for everybody.
 */
export interface Carried {
  readonly byClock: number;
  readonly byRuns: number;
}

export type Climb =
  /** No run has come through yet. */
  | { readonly kind: "unknown" }
  /** For so many rounds more; `failures` counts how often more in flight were in vain. */
  | { readonly kind: "resting"; readonly rounds: number; readonly failures: number }
  /** More in flight than `from`, which carried so much. */
  | {
      readonly kind: "trying";
      readonly from: number;
      readonly carried: Carried;
      readonly failures: number;
    };

export interface Line {
  readonly bounds: Bounds;
  /** Runs in flight now at most. */
  readonly inFlight: number;
  /** Parts in a run now at most. */
  readonly runParts: number;
  readonly round: Round;
  readonly climb: Climb;
  /** A run stalled: runs grow slowly until they are as long as the line's pace allows. */
  readonly isCareful: boolean;
  /** Bytes a second in the last full round, undefined before it. */
  readonly rate: number | undefined;
  /** Milliseconds a byte, of the last runs. */
  readonly paces: readonly number[];
  /** Connections that broke while they carried a run. */
  readonly cuts: number;
  /** Bytes of a body at most, where somebody on the way refused a longer one. */
  readonly bodyMax: number | undefined;
  /** Where that was long ago, or only seemed so: one run at a time may be twice as long as that allows, up to so many parts. */
  readonly triesUpTo: number | undefined;
  /** A longer body was refused in this transfer. */
  readonly wasRefused: boolean;
}

/** A run that went well. Times in milliseconds, monotonic. */
export interface RunTime {
  readonly bytes: number;
  readonly startedAt: number;
  readonly at: number;
  /** Bytes that no run carries yet. */
  readonly left: number;
}

/** What is known of a line from earlier transfers: a hint, which the first rounds correct. */
export interface Known {
  readonly inFlight: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Bytes that a connection carried before it was cut, on average; undefined where few were. */
  readonly cutEvery?: number;
  /** Somebody on the way took no body of more bytes. */
  readonly bodyMax?: number;
  /** When that was found last, in milliseconds since 1970; undefined where it was in this transfer. */
  readonly bodyRefusedAt?: number;
  /** It is so long ago that it may be otherwise now. */
  readonly mayTryLonger?: true;
}

/** What went wrong: the server is busy, nothing moved any more, one connection broke. */
export type Lesson = "busy" | "stall" | "cut";

/** Runs begin with one part and grow, so that even a slow line shows soon that it moves; on a line that is known, nearly as long as they were. */
export function freshLine(asked: Bounds, at: number, known?: Known): Line {
  const bounds = known ? limited(asked, known) : asked;
  const line: Line = {
    bounds,
    inFlight: atOnce(bounds, known?.inFlight ?? FIRST),
    runParts: 1,
    round: emptyRound(at),
    climb: known ? resting(0, 0) : { kind: "unknown" },
    isCareful: false,
    rate: undefined,
    paces: [],
    cuts: 0,
    bodyMax: known?.bodyMax,
    triesUpTo:
      known?.mayTryLonger && longest(asked) > bounds.runPartsMax ? longest(asked) : undefined,
    wasRefused: false,
  };
  if (!known) return line;
  const bytes = ((known.rate / line.inFlight) * runMsOf(bounds)) / 2000;
  return { ...line, runParts: within(line, Math.floor(bytes / bounds.partSize)) };
}

/** What the line has taught, `carried` being the bytes that this transfer has moved; undefined before the first full round. */
export function knownOf(line: Line, carried: number, before: Known | undefined): Known | undefined {
  const { rate = before?.rate, inFlight, cuts, bounds } = line;
  if (rate === undefined) return undefined;
  const cutEvery = isCutOften(line) ? carried / cuts : before?.cutEvery;
  // Where it once broke often, it has to carry several times that much in peace before that is forgotten.
  const isBetter = !isCutOften(line) && cutEvery !== undefined && carried > cutEvery * FORGIVEN;
  const { bodyMax, wasRefused } = line;
  const refusedAt = wasRefused ? undefined : before?.bodyRefusedAt;
  return {
    inFlight: Math.min(inFlight, bounds.inFlightMax),
    rate,
    ...(cutEvery === undefined || isBetter ? {} : { cutEvery }),
    ...(bodyMax === undefined ? {} : { bodyMax }),
    ...(bodyMax === undefined || refusedAt === undefined ? {} : { bodyRefusedAt: refusedAt }),
  };
}

/** Parts go another way from now on, where runs may have another length: what the line carries is as it was. */
export function withRunsUpTo(line: Line, runPartsMax: number): Line {
  const bounds = limited({ ...line.bounds, runPartsMax }, bodyLimit(line));
  return { ...line, bounds, runParts: Math.min(line.runParts, bounds.runPartsMax) };
}

function bodyLimit({ bodyMax }: Line): Pick<Known, "bodyMax"> {
  return bodyMax === undefined ? {} : { bodyMax };
}

/** Parts of a run at most, whatever the line is. */
function longest(bounds: Bounds): number {
  return Math.min(bounds.runPartsMax, Math.max(1, Math.floor(RUN_SIZE / bounds.partSize)));
}

function limited(bounds: Bounds, { bodyMax = Infinity }: Pick<Known, "bodyMax">): Bounds {
  const fitting = Math.max(1, Math.floor(bodyMax / bounds.partSize));
  return { ...bounds, runPartsMax: Math.min(bounds.runPartsMax, fitting) };
}

function emptyRound(since: number): Round {
  return { since, runs: 0, bytes: 0, ms: 0, ended: 0 };
}

function resting(rounds: number, failures: number): Climb {
  return { kind: "resting", rounds, failures };
}

/** Parts have to fit into memory as many at once as are in flight. */
function atOnce({ partSize, inFlightMax }: Bounds, inFlight: number): number {
  return Math.max(1, Math.min(inFlight, inFlightMax, Math.floor(MEMORY / partSize)));
}

/** A run's number of parts, within what a request, a run and the memory for all of them may have. */
function within({ bounds, inFlight }: Pick<Line, "bounds" | "inFlight">, parts: number): number {
  const bytes = Math.min(RUN_SIZE, MEMORY / inFlight);
  return Math.max(1, Math.min(parts, bounds.runPartsMax, Math.floor(bytes / bounds.partSize)));
}

/** Parts of a run at most, with as many in flight as there are now. */
export function longestNow(line: Line): number {
  return within(line, Infinity);
}

/** With another number in flight, which is looked at anew. */
function withInFlight(line: Line, inFlight: number, at: number, climb: Climb): Line {
  const next = atOnce(line.bounds, inFlight);
  const runParts = within({ bounds: line.bounds, inFlight: next }, line.runParts);
  return { ...line, inFlight: next, runParts, round: emptyRound(at), climb };
}

/** After a run that went well. Runs that began before the last change say nothing of how things are now. */
export function faster(before: Line, run: RunTime): Line {
  const ms = Math.max(run.at - run.startedAt, 0.001);
  const line = { ...before, paces: [...before.paces, ms / run.bytes].slice(-PACES) };
  const { since, runs, bytes } = line.round;
  const ended = line.round.ended + run.bytes;
  if (run.startedAt < since) return { ...line, round: { ...line.round, ended } };
  const round = { since, runs: runs + 1, bytes: bytes + run.bytes, ms: line.round.ms + ms, ended };
  if (line.climb.kind === "unknown") return firstStep({ ...line, round }, run.at);
  return round.runs < line.inFlight ? { ...line, round } : step({ ...line, round }, run);
}

/** Milliseconds that one part takes beside the others. */
function partMs({ round, bounds }: Line): number {
  return (round.ms / round.bytes) * bounds.partSize;
}

function runMsOf({ runMs = RUN_MS }: Bounds): number {
  return runMs;
}

/** Parts of a run that takes as long as one should. What a longer one gains by being longer is not in the measure of short ones. */
function partsOf({ round, bounds }: Line): number {
  const usual = runMsOf(bounds);
  const isShort = round.ms / round.runs < usual / 2;
  const ms = isShort ? 2 * usual : usual;
  return Math.floor((round.bytes / round.ms) * (ms / bounds.partSize));
}

/** The first run on its way shows that there is room for more of them; whether they may be longer, only its end tells. */
export function moving(line: Line, pace: number): Line {
  if (line.climb.kind !== "unknown") return line;
  const fitting = Math.floor((pace * PART_MS_MAX) / 1000 / line.bounds.partSize);
  const inFlight = atOnce(line.bounds, Math.min(USUAL, fitting));
  return inFlight > line.inFlight ? { ...line, inFlight } : line;
}

/** The first run tells nothing: one beside it does, if it is the connection and not the line that stands still. */
export function doubled(line: Line): Line {
  return line.climb.kind === "unknown" && line.inFlight === 1
    ? { ...line, inFlight: atOnce(line.bounds, 2) }
    : line;
}

/** The first run decides between a line that takes several at once and one that does not. */
function firstStep(before: Line, at: number): Line {
  const { bytes, ms } = before.round;
  const line = { ...before, rate: (before.inFlight * bytes * 1000) / ms };
  const fitting = Math.floor((line.inFlight * PART_MS_MAX) / partMs(line));
  // One that gets little by itself may be the first of many that do: a second one will tell.
  const settled =
    fitting === 1
      ? withInFlight(line, 2, at, {
          kind: "trying",
          from: 1,
          carried: alike(line.rate),
          failures: 0,
        })
      : withInFlight(line, Math.min(USUAL, Math.max(1, fitting)), at, resting(SETTLING_ROUNDS, 0));
  return { ...settled, runParts: within(settled, Math.min(GROWTH, partsOf(line))) };
}

/** After a full round: runs of the length that the pace asks for first, then as many at once as gain something. */
function step(line: Line, { at, left }: RunTime): Line {
  const { bytes, ms } = line.round;
  const rate = (line.inFlight * bytes * 1000) / ms;
  const wanted = within(line, Math.max(partsOf(line), isCutCheaply(line) ? RUN_PARTS_KEPT : 1));
  const most = line.isCareful ? line.runParts + 1 : line.runParts * GROWTH;
  const runParts = Math.min(wanted, most);
  const isCareful = line.isCareful && runParts < wanted;
  const next = { ...line, rate, runParts, isCareful };
  // Longer runs carry more by themselves: what more in flight would gain shows only when they have grown.
  if (runParts > line.runParts) return { ...next, round: emptyRound(at), climb: settling(line) };
  return climb(next, at, left);
}

function settling({ climb: now }: Line): Climb {
  return now.kind === "resting"
    ? resting(Math.max(now.rounds, SETTLING_ROUNDS), now.failures)
    : now;
}

function alike(rate: number): Carried {
  return { byClock: rate, byRuns: rate };
}

function carriedBy({ round, inFlight }: Line, at: number): Carried {
  return {
    byClock: (round.ended * 1000) / Math.max(at - round.since, 0.001),
    byRuns: (inFlight * round.bytes * 1000) / round.ms,
  };
}

/** What each of those that came on top brought, of what one brought before: the mean of both measures. */
function gainOf(inFlight: number, now: Carried, before: Carried, from: number): number {
  const times = (now.byClock / before.byClock + now.byRuns / before.byRuns) / 2;
  return (times - 1) / (inFlight / from - 1);
}

function climb(line: Line, at: number, left: number): Line {
  const carried = carriedBy(line, at);
  const slow = partMs(line);
  if (slow > 2 * PART_MS_MAX && line.inFlight > 1) {
    const fitting = Math.floor((line.inFlight * PART_MS_MAX) / slow);
    return withInFlight(line, fitting, at, resting(REST_ROUNDS, 0));
  }
  const { climb: now } = line;
  const failures = now.kind === "unknown" ? 0 : now.failures;
  const gain = now.kind === "trying" ? gainOf(line.inFlight, carried, now.carried, now.from) : 0;
  if (now.kind === "trying" && gain < GAIN) {
    const rounds = Math.min(REST_ROUNDS_MAX, REST_ROUNDS * 2 ** failures);
    return withInFlight(line, now.from, at, resting(rounds, failures + 1));
  }
  const again = { ...line, round: emptyRound(at) };
  if (now.kind === "resting" && now.rounds > 0)
    return { ...again, climb: resting(now.rounds - 1, failures) };
  const more = now.kind === "trying" && gain >= GAIN_FULL ? 2 * (line.inFlight - now.from) : 1;
  const tried = atOnce(line.bounds, line.inFlight + more);
  const isNearEnd = left < ROUNDS_LEFT * line.inFlight * line.runParts * line.bounds.partSize;
  if (tried === line.inFlight || slow > PART_MS_MAX || isNearEnd)
    return { ...again, climb: resting(0, failures) };
  // What it has gained by now is the measure for the next one.
  const failed = now.kind === "trying" ? 0 : failures;
  const from = line.inFlight;
  return withInFlight(line, tried, at, { kind: "trying", from, carried, failures: failed });
}

/** Half as many in flight where the server is busy or nothing moves; after a stall runs half as long too. A cut costs no more with longer runs. */
export function slower(line: Line, lesson: Lesson, at: number): Line {
  if (lesson === "cut") return many({ ...line, cuts: line.cuts + 1 }, at);
  const failures = line.climb.kind === "unknown" ? 0 : line.climb.failures;
  const halved = withInFlight(line, line.inFlight >> 1, at, resting(REST_ROUNDS, failures));
  if (lesson === "busy") return halved;
  return { ...halved, runParts: Math.max(1, line.runParts >> 1), isCareful: true };
}

/** A cut costs what was on its way: the less, the more connections share the line, and the others use it while one is made anew. */
function many(line: Line, at: number): Line {
  const { bounds, rate } = line;
  if (!isCutCheaply(line) || rate === undefined) return line;
  const fitting = atOnce(bounds, Math.floor((rate * PART_MS_KEPT) / 1000 / bounds.partSize));
  return fitting > line.inFlight
    ? withInFlight(line, fitting, at, resting(REST_ROUNDS_MAX, 0))
    : line;
}

/** Cuts cost too much for many runs side by side: two, so that the line is used while one of them is begun anew. */
export function few(line: Line, at: number): Line {
  return line.inFlight <= 2 ? line : withInFlight(line, 2, at, resting(REST_ROUNDS_MAX, 0));
}

/** Whether connections have broken often enough to say that they do. */
export function isCutOften({ cuts }: Line): boolean {
  return cuts >= CUTS_MIN;
}

/** Whether connections break often, and nothing that has come is lost with them. */
export function isCutCheaply(line: Line): boolean {
  return line.bounds.keepsCut === true && isCutOften(line);
}

/** Milliseconds after which a run of so many bytes is among the slowest twentieth; undefined while too few are known. */
export function slowRunMs(line: Line, bytes: number): number | undefined {
  return line.paces.length < USUAL ? undefined : runMs(line, bytes, 0.95);
}

/** Milliseconds that half of the runs of so many bytes took at most; undefined before the first has ended. */
export function usualRunMs(line: Line, bytes: number): number | undefined {
  return line.paces.length < 1 ? undefined : runMs(line, bytes, 0.5);
}

function runMs({ paces }: Line, bytes: number, share: number): number {
  const sorted = paces.toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return (sorted[at] ?? Infinity) * bytes;
}
