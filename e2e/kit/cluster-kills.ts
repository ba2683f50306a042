// Kills servers of a cluster by the clock, one after the other, and PostgreSQL in between. Whoever was killed is started again at once; one is always left.
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../examples/cluster/cluster.ts";

export interface Kills {
  readonly kills: number;
  readonly postgresKills: number;
  /** Milliseconds that a kill came after its time at most, since only one server was up then. */
  readonly latestMs: number;
  /** Servers that were up after a kill at least. */
  readonly upMin: number;
  /** Milliseconds from a kill until that server listened again, at most. */
  readonly awayMaxMs: number;
  /** Starts that failed, since PostgreSQL was away just then: they were tried again, as whoever looks after a server does. */
  readonly startsAgain: number;
}

export interface KillWants {
  readonly killMs: number;
  readonly everyMs: number;
  readonly postgresKills: number;
}

const LOOK_MS = 20;
const START_TRIES = 20;

/** Resolves when the last one that was killed is up again. */
export async function killByClock(
  cluster: Cluster,
  { killMs, everyMs, postgresKills }: KillWants,
  failures: string[],
): Promise<Kills> {
  const started = performance.now();
  const servers = cluster.urls().length;
  const away = new Set<number>();
  const coming: Promise<void>[] = [];
  let [kills, latestMs, upMin, awayMaxMs, startsAgain] = [0, 0, servers, 0, 0];

  async function bounce(server: number): Promise<void> {
    const at = performance.now();
    await cluster.kill(server);
    for (let tries = 1; ; tries++) {
      try {
        await cluster.start(server);
        break;
      } catch (error) {
        startsAgain++;
        if (tries < START_TRIES) continue;
        failures.push(`server ${server} does not start: ${String(error)}`);
        return;
      }
    }
    awayMaxMs = Math.max(awayMaxMs, Math.round(performance.now() - at));
    away.delete(server);
  }

  async function killPostgres(): Promise<void> {
    for (let turn = 1; turn <= postgresKills; turn++) {
      const at = started + (turn * killMs) / (postgresKills + 1);
      await sleep(Math.max(0, at - performance.now()));
      await cluster.postgres.kill();
      await sleep(1000);
      await cluster.postgres.start();
    }
  }

  const ofPostgres = killPostgres();
  let next = 0;
  for (let turn = 1; turn * everyMs <= killMs; turn++) {
    const due = started + turn * everyMs;
    await sleep(Math.max(0, due - performance.now()));
    while (servers - away.size < 2) await sleep(LOOK_MS);
    latestMs = Math.max(latestMs, Math.round(performance.now() - due));
    while (away.has(next % servers)) next++;
    const server = next++ % servers;
    away.add(server);
    upMin = Math.min(upMin, servers - away.size);
    kills++;
    coming.push(bounce(server));
  }
  await ofPostgres;
  await Promise.all(coming);
  return { kills, postgresKills, latestMs, upMin, awayMaxMs, startsAgain };
}
