// A clock that is set forward by a year would end every upload at once. It is compared with how long this machine has run, and not believed for a day where they differ.
import { readFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import type { Log } from "@holdfast/engine";

/** What was read at one look. Times in milliseconds. */
export interface Reading {
  /** Since 1970, by the clock that anybody may set. */
  readonly wall: number;
  /** Since the machine began to run, sleep included: nobody sets it. */
  readonly up: number;
  /** Another one after every start of the machine. */
  readonly boot: string;
}

/** The last look, kept over restarts. */
export interface Tick extends Reading {
  /** Time of running for which nothing ends by the clock; 0 where it is believed. */
  readonly leftMs: number;
  /** How far it is ahead of what was believed last; 0 where it is believed. */
  readonly aheadMs: number;
}

/** The clock may be ahead by this much: clocks drift, machines are started anew. */
const AHEAD_MAX_MS: number = 60 * 60 * 1000;
/** Time of running for which a jump is not believed: somebody can put the clock right, and those whose uploads it would end can go on with them. */
export const HELD_MS: number = 24 * 60 * 60 * 1000;

/** What a look says after the one before. A machine that was off looks like a clock that jumped, and gets the same day. */
export function judge(last: Tick | undefined, now: Reading): Tick {
  if (!last) return { ...now, ...BELIEVED };
  const isSameRun = now.boot === last.boot && now.up >= last.up;
  const ran = isSameRun ? now.up - last.up : 0;
  const jump = now.wall - last.wall - ran;
  const aheadMs = last.aheadMs + jump;
  // A machine that is off every night would begin the day anew each morning, and nothing would ever end there.
  const wasOff = !isSameRun && jump <= HELD_MS && last.leftMs > 0;
  if (jump > AHEAD_MAX_MS && !wasOff) return { ...now, leftMs: HELD_MS, aheadMs };
  const leftMs = Math.max(0, last.leftMs - ran);
  // Set back by as much as it was ahead, and not only by some of it.
  if (leftMs === 0 || aheadMs <= AHEAD_MAX_MS) return { ...now, ...BELIEVED };
  return { ...now, leftMs, aheadMs };
}

const BELIEVED = { leftMs: 0, aheadMs: 0 } as const;

export interface ClockGuard {
  /** Looks at the clock. Resolves with whether nothing is to end by it now. */
  isHeld(): Promise<boolean>;
  /** Somebody says that the clock is right. */
  trust(): Promise<void>;
}

const FILE = "clock.json";

/** @param read For tests. */
export function openClockGuard(
  directory: string,
  log: Log,
  read: () => Reading = readSystem,
): ClockGuard {
  const path = join(directory, FILE);
  // Whatever is wrong with it, it was only a look.
  let last: Promise<Tick | undefined> = readFile(path, "utf8")
    .then(decodeTick)
    .catch(() => undefined);

  async function note(tick: Tick): Promise<Tick> {
    try {
      await writeFile(`${path}.new`, JSON.stringify(tick), { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      log("warn", "the time cannot be noted: a clock that jumps over a restart is not seen", {
        error,
      });
    }
    return tick;
  }
  function tell(before: Tick | undefined, tick: Tick): void {
    if (!before) return;
    if (tick.leftMs > before.leftMs) {
      const [from, to] = [before, tick].map(({ wall }) => new Date(wall).toISOString());
      const hint = "`holdfast sweep --now` says that the clock is right";
      log("warn", "the clock has jumped: for 24 hours nothing ends by it", { from, to, hint });
    } else if (before.leftMs > 0 && tick.leftMs === 0) {
      log("info", "the clock is believed again");
    }
  }
  /** One look after the other. */
  function look(next: (before: Tick | undefined) => Tick): Promise<Tick> {
    const looking = last.then((before) => {
      const tick = next(before);
      tell(before, tick);
      return note(tick);
    });
    last = looking;
    return looking;
  }
  return {
    isHeld: async () => (await look((before) => judge(before, read()))).leftMs > 0,
    async trust() {
      await look(() => ({ ...read(), ...BELIEVED }));
    },
  };
}

/** @throws Error for anything but what `note` writes. */
function decodeTick(text: string): Tick {
  const { wall, up, boot, leftMs, aheadMs = leftMs } = Object(JSON.parse(text));
  const numbers = [wall, up, leftMs, aheadMs];
  const isRight = numbers.every((number) => Number.isFinite(number) && number >= 0);
  if (!isRight || typeof boot !== "string") throw new Error("it is no look at a clock");
  return { wall, up, boot, leftMs: Math.min(leftMs, HELD_MS), aheadMs };
}

function readSystem(): Reading {
  return { wall: Date.now(), up: uptime() * 1000, boot };
}

/** Where the system does not name its starts, one that has run for longer than before counts as the same. */
const boot: string = readBoot();

function readBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
