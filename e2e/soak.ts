// `npm run soak`: the proofs at full length, on every pair of a storage and a metadata store or on one of them (`-- --pair s3+postgres`).
// Prints a table, keeps the figures under results/, and ends with 1 if a promise broke.
import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { MIB } from "@holdfast/protocol";
import { killBrowsers } from "./kit/browser-kills.ts";
import { type Environment, startStore } from "./kit/bucket.ts";
import { crashAppends } from "./kit/crash-append.ts";
import { crashClient } from "./kit/crash-client.ts";
import { crashDownloads } from "./kit/crash-download.ts";
import { crashServer } from "./kit/crash-server.ts";
import { measureCut } from "./kit/cut-budget.ts";
import { dropLarge } from "./kit/drop-large.ts";
import { dropMany } from "./kit/drop-many.ts";
import { flipCopies } from "./kit/flip-copies.ts";
import { flipStored } from "./kit/flip-stored.ts";
import { killCluster } from "./kit/kill-cluster.ts";
import { type Ground, nameOf, openGround, PAIRS, type Pair } from "./kit/pairs.ts";
import { withScratch } from "./kit/scratch.ts";
import { measureAway } from "./kit/server-away.ts";
import { cutTusUpload } from "./kit/tus-cuts.ts";

interface Outcome {
  readonly name: string;
  readonly target: string;
  readonly found: string;
  readonly isKept: boolean;
  readonly seconds: number;
  readonly report: unknown;
}

type Proof = (directory: string) => Promise<Omit<Outcome, "name" | "seconds">>;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: `${Date.now() % 2 ** 31}` },
    "server-cycles": { type: "string", default: "100" },
    "client-cycles": { type: "string", default: "30" },
    "append-cycles": { type: "string", default: "20" },
    flips: { type: "string", default: "1000" },
    "tus-cuts": { type: "string", default: "200" },
    "download-cycles": { type: "string", default: "100" },
    "browser-reloads": { type: "string", default: "30" },
    "browser-kills": { type: "string", default: "10" },
    "browser-mib": { type: "string", default: "500" },
    "browser-files": { type: "string", default: "10000" },
    /** Only what is proved of pairs, and of this one: `s3+postgres`, or `s3` for both of them. */
    pair: { type: "string", default: "" },
    only: { type: "string", default: "" },
  },
});
const seed = Number(values.seed);

const PROOFS: Readonly<Record<string, Proof>> = {
  async "cut one connection of 1 GiB"(directory) {
    const report = await measureCut(directory, 1024 * MIB, seed);
    const extra = Math.max(report.extraAtProxy, report.extraByClient);
    return {
      target: "<= 32 MiB sent twice",
      found: `${report.cuts} cut, ${mib(extra)} sent twice`,
      isKept: report.cuts === 1 && extra <= 32 * MIB && report.wrongByteAt === undefined,
      report,
    };
  },
  "tus-js-client on a line that is cut": (directory) =>
    cutTus(directory, Number(values["tus-cuts"]), 256 * MIB),
  async "tus-js-client on a line that is cut, bytes in S3"(directory) {
    const store = await startStore();
    try {
      const cuts = Math.ceil(Number(values["tus-cuts"]) / 4);
      return await cutTus(directory, cuts, 128 * MIB, store.env("soak"));
    } finally {
      await store.stop();
    }
  },
  async "three servers as a cluster, one killed every 2 s"(directory) {
    const wants = { parts: 40, appends: 10, size: 64 * MIB, rate: MIB };
    const kills = { killMs: 60_000, everyMs: 2000, postgresKills: 2 };
    const report = await killCluster(directory, { ...wants, ...kills });
    const { uploads, right, partsLeft, objectsLeft, orphans } = report;
    const left = partsLeft + objectsLeft.length;
    return {
      target: "0 acks lost, all complete, none twice, nothing left",
      found: `${report.kills} kills (${report.latestMs} ms late at most, ${report.upMin} up at least), ${report.postgresKills} of PostgreSQL; ${report.acks} acks, ${report.lostAcks} lost; ${report.complete} of ${uploads} complete, ${right} right, ${report.twice} twice; ${partsLeft} parts, ${objectsLeft.length} objects left, ${orphans} multipart uploads orphaned`,
      isKept:
        right === uploads && report.published === uploads && report.lostAcks === 0 && left === 0,
      report,
    };
  },
  async "downloads of 1 GiB, kill -9 the client and the server"(directory) {
    const kills = Number(values["download-cycles"]);
    const report = await crashDownloads(directory, { kills, size: 1024 * MIB, rate: "64M", seed });
    const { clientKills, serverKills, files, wrongFiles, partsTwice, sentTwice } = report;
    return {
      target: "0 wrong, no verified part asked for twice",
      found: `${clientKills} kills of the client, ${serverKills} of the server over ${files} files, ${wrongFiles} wrong; ${report.ranges} ranges, ${partsTwice} parts twice of ${report.partsKept} that lay there after kills; ${mib(sentTwice)} on the wire for what was in flight`,
      isKept: report.violations.length === 0 && clientKills + serverKills === kills,
      report,
    };
  },
  async "downloads of 1 GiB, 1,000 flipped bits in copies"(directory) {
    const report = await flipCopies(directory, { rounds: 10, flips: 100, size: 1024 * MIB, seed });
    return {
      target: "all found, only their parts fetched",
      found: `${report.flips} flips in ${report.parts} parts, ${report.found} found; ${mib(report.askedBytes)} asked for of ${mib(report.partBytes)} bad`,
      isKept: report.violations.length === 0 && report.found === report.parts,
      report,
    };
  },
  async "flips in stored bytes"(directory) {
    const report = await flipStored(directory, { flips: Number(values.flips), seed });
    const { flips, refused, named, rightAgain, healed, files } = report;
    return {
      target: "all refused by name, all mended",
      found: `${flips} flips in ${files} files, ${refused} refused, ${named} by name; ${rightAgain} files right again, ${healed} mended by the same file`,
      isKept: report.violations.length === 0 && refused === flips,
      report,
    };
  },
  async "a browser that is reloaded and killed"(directory) {
    const [reloads, kills] = [values["browser-reloads"], values["browser-kills"]].map(Number);
    const size = Number(values["browser-mib"]) * MIB;
    const wants = { size, seed, reloads: reloads ?? 0, kills: kills ?? 0 };
    const report = await killBrowsers(directory, wants);
    const most = Math.max(0, ...report.lost);
    return {
      target: "complete, < 2 runs sent twice each time",
      found: `${report.interruptions} times, ${mib(most)} sent twice at most, ${mib(report.sentTwice)} in all; the longest run had ${mib(report.longestRun)}`,
      isKept: report.wrongByteAt === undefined && most < 2 * report.longestRun,
      report,
    };
  },
  async "a folder dropped on a page"() {
    const report = await dropMany(Number(values["browser-files"]));
    const { files, listed, failures, wrong, seconds, longestTaskMs } = report;
    return {
      target: "all there, once, 0 failed",
      found: `${listed} of ${files} files there in ${seconds.toFixed(0)} s, ${failures.length} failed, ${wrong.length} wrong; the page's longest task took ${longestTaskMs.toFixed(0)} ms`,
      isKept: failures.length === 0 && wrong.length === 0 && listed === files,
      report,
    };
  },
  async "a file beyond 4 GiB dropped on a page"() {
    const report = await dropLarge();
    const { size, seconds, code, wrong } = report;
    return {
      target: "the right bytes on both sides of 4 GiB",
      found: `${mib(size)} in ${seconds.toFixed(0)} s, ${code ?? "complete"}, ${wrong.length} offsets wrong`,
      isKept: code === undefined && wrong.length === 0,
      report,
    };
  },
  "server away for 5 s": (directory) => away(directory, 5_000),
  "server away for 60 s": (directory) => away(directory, 60_000),
};

/** What is proved of each pair. */
const OF_PAIRS: Readonly<Record<string, (directory: string, ground: Ground) => ReturnType<Proof>>> =
  {
    async "kill -9 the server"(directory, ground) {
      const cycles = Number(values["server-cycles"]);
      const report = await crashServer(directory, { cycles, seed, ground });
      return {
        target: "0 lost, 0 wrong, none twice",
        found: `${report.cycles} cycles, ${report.acknowledgedParts} parts (${mib(report.acknowledgedBytes)}) acknowledged, ${report.directParts} of them straight to the store, ${report.lostParts} lost; ${report.publishedFiles} files published, ${report.wrongFiles} wrong, ${report.strayFiles} twice`,
        // Kills before anything was acknowledged would prove nothing.
        isKept: report.violations.length === 0 && report.acknowledgedParts > 0,
        report,
      };
    },
    async "kill -9 the client"(directory, ground) {
      const kills = Number(values["client-cycles"]);
      const report = await crashClient(directory, { kills, seed, ground });
      return {
        target: "same command resumes, 0 wrong",
        found: `${report.kills} kills over ${report.files} files (${mib(report.sizeOfAll)}, ${report.directFiles} straight to the store), ${report.wrongFiles} wrong, ${mib(report.sentTwice)} sent twice`,
        isKept: report.violations.length === 0 && report.killsMidTransfer > 0,
        report,
      };
    },
    async "kill -9 the server under appends"(directory, ground) {
      const kills = Number(values["append-cycles"]);
      const report = await crashAppends(directory, { kills, seed, ground });
      return {
        target: "no offset goes back, 0 files lost, resumed",
        found: `${report.kills} kills, ${report.resumed} times resumed, ${mib(report.sentAgain)} sent again; ${report.storedFiles} small files kept`,
        // Kills that came too late, or before the first commit, would prove nothing of resuming.
        isKept: report.violations.length === 0 && report.resumed > 0,
        report,
      };
    },
  };

/** The proofs of one pair, each on services of its own. */
function proofsOf(pair: Pair): readonly (readonly [string, Proof])[] {
  return Object.entries(OF_PAIRS).map(([name, proof]) => [
    `${nameOf(pair)}: ${name}`,
    async (directory) => {
      const ground = await openGround(pair);
      try {
        return await proof(directory, ground);
      } finally {
        await ground.close();
      }
    },
  ]);
}

async function away(directory: string, awayMs: number): ReturnType<Proof> {
  const report = await measureAway(directory, awayMs, seed);
  return {
    target: "progress within 2 s",
    found: `${(report.resumedAfterMs / 1000).toFixed(2)} s after its return`,
    isKept: report.resumedAfterMs <= 2_000 && report.wrongByteAt === undefined,
    report,
  };
}

async function cutTus(
  directory: string,
  cuts: number,
  size: number,
  env: Environment = {},
): ReturnType<Proof> {
  const wants = { client: "tus-js-client 4", cuts, size, seed, freezeMs: 5_000, env } as const;
  const report = await cutTusUpload(directory, wants);
  const { resets, freezes, kills, told, carried } = report;
  return {
    target: "completes, is its source, no offset goes back",
    found: `${resets} resets, ${freezes} silences, ${kills} kills; ${told} offsets told, ${mib(carried)} carried for ${mib(report.size)}`,
    isKept: report.violations.length === 0 && resets + freezes + kills === cuts,
    report,
  };
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

async function prove(name: string, proof: Proof): Promise<Outcome> {
  const begin = performance.now();
  const outcome = await withScratch(proof).catch((error: unknown) => ({
    target: "",
    found: `did not run to its end: ${error instanceof Error ? error.message : error}`,
    isKept: false,
    report: error instanceof Error ? error.stack : error,
  }));
  return { name, seconds: (performance.now() - begin) / 1000, ...outcome };
}

console.log(
  `seed ${seed}\n\n| proof | target | found | seconds | |\n| --- | --- | --- | --- | --- |`,
);
const outcomes: Outcome[] = [];
const pairs = PAIRS.filter((pair) => nameOf(pair).includes(values.pair));
if (pairs.length === 0) throw new Error(`--pair is one of ${PAIRS.map(nameOf).join(", ")}`);
const ofPairs = pairs.flatMap(proofsOf);
const others = values.pair === "" ? Object.entries(PROOFS) : [];
for (const [name, proof] of [...ofPairs, ...others]) {
  if (!name.includes(values.only)) continue;
  const outcome = await prove(name, proof);
  outcomes.push(outcome);
  const verdict = outcome.isKept ? "kept" : "BROKEN";
  const { target, found, seconds } = outcome;
  console.log(`| ${name} | ${target} | ${found} | ${seconds.toFixed(0)} | ${verdict} |`);
}
const results = new URL("../results/", import.meta.url);
await mkdir(results, { recursive: true });
const file = new URL(`soak-${new Date().toISOString().replaceAll(":", "-")}.json`, results);
await writeFile(file, `${JSON.stringify({ seed, outcomes }, null, 2)}\n`);
console.log(`\n${file.pathname}`);
for (const { name, report } of outcomes.filter(({ isKept }) => !isKept)) {
  console.error(`${name}: ${JSON.stringify(report, null, 2)}`);
}
process.exitCode = outcomes.every(({ isKept }) => isKept) ? 0 : 1;
