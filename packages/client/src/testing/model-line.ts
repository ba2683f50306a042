// For tests: a transfer over a modelled line in virtual time. Bytes flow like a fluid, shared by the connections; connections are cut, the line is reset, the server is busy.
import {
  addPart,
  createPartSet,
  type Grid,
  HoldfastError,
  missingRanges,
  type PartRange,
  type PartSet,
  partCount,
  partOffset,
  runSize,
} from "@holdfast/protocol";
import type { Effect, Had, Settings, TransferEvent, TransferState } from "../state.ts";
import { begin, reduce } from "../transfer.ts";

export interface ModelLine {
  readonly bytesPerSecond: number;
  /** What one connection gets at most, as where packets are lost. */
  readonly perConnection?: number;
  readonly rttMs: number;
  /** A connection is cut after this many bytes, on average. */
  readonly cutEvery?: number;
  /** Where a connection would be cut, so many of all freeze instead: a share, from 0 to 1. Only the client's own patience ends such a run. */
  readonly freezing?: {
    readonly share: number;
    readonly stallMs: number;
    /** The very first connection freezes after so many bytes. */
    readonly firstAfter?: number;
  };
  /** All connections are cut this often, in milliseconds. */
  readonly resetEveryMs?: number;
  /** Above so many at once the line carries less with each more, as where packets are lost for want of room. */
  readonly crowdedAbove?: number;
  /** One connection gets up to so many times as much as another. */
  readonly unlike?: number;
  /** A connection that begins when there are four already gets this share of what each of them gets. */
  readonly latecomers?: number;
  /** A run tells its pace so long after it began to flow, in milliseconds. */
  readonly tellsAfterMs?: number;
  /** A proxy keeps each body back until it is whole. */
  readonly keepsBodies?: boolean;
  /** A run whose connection is cut goes out again by itself, all of it, and nobody is told; before each one there is a round trip more. As browsers do it. */
  readonly repeats?: boolean;
  /** Above so many at once the server answers 503. */
  readonly busyAbove?: number;
  /** From 0 (inclusive) to 1. */
  readonly dice: () => number;
}

export interface ModelEnd {
  readonly seconds: number;
  readonly phase: TransferState["phase"];
  /** Share of the time that the bytes alone need. */
  readonly speed: number;
  /** Bytes beyond the file's own, as a share of the file. */
  readonly twice: number;
  readonly busyAnswers: number;
  readonly appends: number;
  /** How often the server was asked what came of the runs. */
  readonly asks: number;
  /** Runs that were ended because nothing of them arrived. */
  readonly dead: number;
  /** Runs in flight at most, whenever that changed. */
  readonly inFlight: readonly number[];
  /** Bytes of each run that went well. */
  readonly runs: readonly number[];
  /** Codes of what a person was told. */
  readonly notices: readonly string[];
}

/** It keeps its share of the line for as long as it lives. */
interface Connection {
  readonly weight: number;
}

interface Flight {
  readonly run: number;
  readonly range: PartRange;
  readonly startedAt: number;
  /** The first byte is on the line then. */
  readonly flowsAt: number;
  /** Bytes of the body, and of the run before it where it is an append. */
  readonly size: number;
  readonly skipped: number;
  readonly isAppend: boolean;
  sent: number;
  readonly cutAfter: number;
  readonly connection: Connection;
  readonly willFreeze: boolean;
  isFrozen: boolean;
  /** Of what the line carries, beside the others. */
  readonly weight: number;
}

type Occurrence = TransferEvent extends infer One
  ? One extends TransferEvent
    ? Omit<One, "at" | "chance">
    : never
  : never;

export function playTransfer(line: ModelLine, grid: Grid, settings: Settings): ModelEnd {
  const server: PartSet = createPartSet(partCount(grid));
  const flights = new Map<number, Flight>();
  const due: { readonly at: number; readonly event: () => Occurrence | undefined }[] = [];
  const inFlight: number[] = [];
  const idle: Connection[] = [];
  let connections = 0;
  const runs: number[] = [];
  const notices: string[] = [];
  let now = 0;
  let sent = 0;
  let busyAnswers = 0;
  let appends = 0;
  let asks = 0;
  let dead = 0;
  let tailEnd = 0;
  let resetAt = line.resetEveryMs ?? Infinity;
  let state: TransferState = begin(settings, 0).state;

  function accept(event: Occurrence): void {
    const next = reduce(state, { at: now, chance: line.dice(), ...event });
    state = next.state;
    for (const effect of next.effects) perform(effect);
    const plan = "live" in state ? state.live.plan : undefined;
    dead = plan?.dead ?? dead;
    const limit = plan?.line.inFlight;
    if (limit !== undefined && limit !== inFlight.at(-1)) inFlight.push(limit);
  }

  function perform(effect: Effect): void {
    if (effect.type === "step") due.push({ at: now + line.rttMs, event: () => answer(effect) });
    else if (effect.type === "wait")
      due.push({ at: now + effect.ms, event: () => ({ type: "timer", timer: effect.timer }) });
    else if (effect.type === "notice") notices.push(effect.code);
    else if (effect.type === "move") startRun(effect.run, effect.range, effect.from);
    else if (effect.type === "stop") stopRuns(effect.what);
    else if (effect.type === "ask") {
      asks++;
      const had = hadNow();
      due.push({ at: now + line.rttMs, event: () => ({ type: "asked", id: effect.id, had }) });
    }
  }

  function stopRuns(what: Extract<Effect, { type: "stop" }>["what"]): void {
    for (const flight of [...flights.values()]) {
      if (typeof what === "object" && what.run !== flight.run) continue;
      keepWhole(flight);
      due.push({ at: now, event: () => ({ type: "runStopped", run: flight.run }) });
    }
  }

  function startRun(run: number, range: PartRange, from?: number): void {
    if (flights.size >= (line.busyAbove ?? Infinity)) {
      busyAnswers++;
      due.push({ at: now + line.rttMs, event: () => failed(run, "shutting_down", 503, false) });
      return;
    }
    const drawn = drawCut();
    const firstAfter = connections === 0 ? line.freezing?.firstAfter : undefined;
    const cutAfter = firstAfter ?? drawn;
    const flowsAt = now + line.rttMs / 2 + (line.repeats ? line.rttMs : 0);
    const start = partOffset(grid, range[0]);
    const skipped = (from ?? start) - start;
    const size = runSize(grid, ...range) - skipped;
    const isAppend = from !== undefined;
    if (isAppend) appends++;
    if (isAppend && from !== offset()) throw new Error(`${from} is not ${offset()}`);
    const free = idle.pop();
    const connection = free ?? { weight: weightOf(connections++) };
    const { weight } = connection;
    const { share = 0 } = line.freezing ?? {};
    const willFreeze = firstAfter !== undefined || (share > 0 && line.dice() < share);
    const flight = { run, range, startedAt: now, flowsAt, size, skipped, isAppend, cutAfter };
    flights.set(run, { ...flight, connection, weight, willFreeze, isFrozen: false, sent: 0 });
    due.push({ at: now, event: () => ({ type: "runBegins", run }) });
    const carries = free ? "reused" : "made";
    due.push({ at: now, event: () => ({ type: "runConnected", run, connection: carries }) });
    if (line.tellsAfterMs !== undefined)
      due.push({ at: flowsAt + line.tellsAfterMs, event: () => paceOf(run) });
  }

  function drawCut(): number {
    return -Math.log(1 - line.dice()) * (line.cutEvery ?? Infinity);
  }

  function failed(
    run: number,
    code: "connection_failed" | "shutting_down",
    status: number | undefined,
    hasMoved: boolean,
  ): Occurrence {
    const error = new HoldfastError(code, undefined, status === undefined ? {} : { status });
    return { type: "runFailed", run, error, hasMoved };
  }

  function answer({ step, id }: Extract<Effect, { type: "step" }>): Occurrence {
    if (step === "open") return { type: "opened", id, isResumed: false };
    if (step === "complete") {
      const file = { id: "f", url: "u", size: grid.size, root: "r" };
      return { type: "answered", id, answer: { kind: "complete", file } };
    }
    const committed = createPartSet(server.partCount, server.bits);
    const open = { kind: "open", grid, committed, runPartsMax: 64, offset: offset() } as const;
    return { type: "answered", id, answer: open };
  }

  /** A cut costs the part that was not whole. */
  function keepWhole({ run, range: [start, end], sent: bytes, skipped, isAppend }: Flight): void {
    flights.delete(run);
    const came = skipped + Math.floor(bytes + 1e-3);
    for (let index = start; index < end; index++)
      if (runSize(grid, start, index + 1) <= came) addPart(server, index);
    // Of an append, what came of the next part counts too.
    if (isAppend) tailEnd = Math.max(tailEnd, partOffset(grid, start) + came);
  }

  /** What the server has now, of runs on their way too. */
  function hadNow(): Had {
    const committed = createPartSet(server.partCount, server.bits);
    let arrived = offset();
    if (line.keepsBodies) return { committed, offset: arrived };
    for (const { range, sent: bytes, skipped, isAppend } of flights.values()) {
      const came = skipped + Math.floor(bytes);
      for (let index = range[0]; index < range[1]; index++)
        if (runSize(grid, range[0], index + 1) <= came) addPart(committed, index);
      if (isAppend) arrived = partOffset(grid, range[0]) + came;
    }
    return { committed, offset: arrived };
  }

  /** Where an append goes on. */
  function offset(): number {
    const [first] = [...missingRanges(server)];
    if (!first) return grid.size;
    const begin = partOffset(grid, first[0]);
    return tailEnd > begin && tailEnd < begin + grid.partSize ? tailEnd : begin;
  }

  function cut(flight: Flight): void {
    keepWhole(flight);
    if (line.repeats) {
      const again = { sent: 0, flowsAt: now + (3 * line.rttMs) / 2, cutAfter: drawCut() };
      flights.set(flight.run, { ...flight, ...again });
      return;
    }
    due.push({
      at: now,
      event: () => failed(flight.run, "connection_failed", undefined, flight.sent > 0),
    });
  }

  function weightOf(index: number): number {
    const late = index < 4 ? 1 : (line.latecomers ?? 1);
    return late * (1 + ((line.unlike ?? 1) - 1) * line.dice());
  }

  /** The server keeps what came of it, and the client hears nothing. */
  function freeze(flight: Flight): void {
    flight.isFrozen = true;
    const silentMs = line.freezing?.stallMs ?? 0;
    const error = new HoldfastError("stalled", undefined, { silentMs });
    const end = (): Occurrence | undefined => {
      if (!flights.has(flight.run)) return undefined;
      keepWhole(flight);
      return { type: "runFailed", run: flight.run, error, hasMoved: true };
    };
    due.push({ at: now + silentMs, event: end });
  }

  function paceOf(run: number): Occurrence | undefined {
    const flight = flights.get(run);
    return flight && { type: "runMoves", run, pace: (flight.sent * 1000) / (now - flight.flowsAt) };
  }

  /** Bytes a millisecond that a flowing connection of weight 1 gets. */
  function share(): number {
    const flowing = [...flights.values()].filter(isFlowing);
    const weights = flowing.reduce((sum, { weight }) => sum + weight, 0);
    const crowd = Math.max(0, flowing.length - (line.crowdedAbove ?? Infinity));
    const carried = line.bytesPerSecond * 0.92 ** crowd;
    return Math.min(line.perConnection ?? Infinity, carried / (weights || 1)) / 1000;
  }

  function isFlowing({ flowsAt, isFrozen }: Flight): boolean {
    return flowsAt <= now && !isFrozen;
  }

  function flow(until: number): void {
    const rate = share();
    for (const flight of flights.values()) {
      if (!isFlowing(flight)) continue;
      const bytes = Math.min(flight.weight * rate * (until - now), flight.size - flight.sent);
      flight.sent += bytes;
      sent += bytes;
    }
    now = until;
  }

  /** When the next thing happens at the present rate. */
  function nextAt(): number {
    const rate = share();
    const times = [...flights.values()].map((flight) => {
      if (flight.isFrozen) return Infinity;
      if (flight.flowsAt > now) return flight.flowsAt;
      return now + (Math.min(flight.size, flight.cutAfter) - flight.sent) / (flight.weight * rate);
    });
    return Math.max(now, Math.min(resetAt, ...times, ...due.map(({ at }) => at)));
  }

  function endFlights(): void {
    for (const flight of [...flights.values()]) {
      if (flight.isFrozen) continue;
      if (flight.sent >= flight.size - 1e-3) {
        keepWhole({ ...flight, sent: flight.size });
        runs.push(flight.size);
        // The next run goes out on the one that is free longest, as in a pool.
        idle.unshift(flight.connection);
        const ms = now + line.rttMs / 2 - flight.startedAt;
        due.push({
          at: now + line.rttMs / 2,
          event: () => ({ type: "runDone", run: flight.run, ms }),
        });
      } else if (flight.sent >= flight.cutAfter - 1e-3) {
        if (flight.willFreeze) freeze(flight);
        else cut(flight);
      }
    }
    if (now < resetAt) return;
    resetAt += line.resetEveryMs ?? Infinity;
    for (const flight of [...flights.values()]) cut(flight);
  }

  perform({ type: "step", step: "open", id: 1, attempt: 1 });
  const isLive = (): boolean => "live" in state || state.phase === "ending";
  for (let turns = 0; isLive() && turns < 200_000; turns++) {
    flow(nextAt());
    endFlights();
    for (const one of due.filter(({ at }) => at <= now)) {
      due.splice(due.indexOf(one), 1);
      const event = one.event();
      if (event) accept(event);
    }
  }
  const seconds = now / 1000;
  return {
    seconds,
    phase: state.phase,
    speed: grid.size / line.bytesPerSecond / seconds,
    twice: sent / grid.size - 1,
    busyAnswers,
    appends,
    asks,
    dead,
    inFlight,
    runs,
    notices,
  };
}
