// Uploads through three servers of which one is killed every so often by the clock, and PostgreSQL too; then looks at every file, at who has it, and at what is left in the bucket.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster } from "../../examples/cluster/cluster.ts";
import { appendTo } from "./cluster-appends.ts";
import { type Kills, killByClock } from "./cluster-kills.ts";
import { uploadTogether } from "./cluster-uploads.ts";
import { type Content, writeContent } from "./source.ts";
import { servedDifference } from "./wire.ts";

export interface ClusterWants {
  /** By the command line, as parts: half of them straight to the store. */
  readonly parts: number;
  /** By hand, as appends: what only one server at a time may do. */
  readonly appends: number;
  /** Of each upload, in bytes. */
  readonly size: number;
  /** Of each upload, in bytes a second. */
  readonly rate: number;
  readonly killMs: number;
  readonly everyMs: number;
  readonly postgresKills: number;
}

/** What one client was told while it uploaded. */
export interface Told {
  /** Answers that said that bytes are committed. */
  acks: number;
  /** Those that said less than one before. */
  lost: number;
}

export interface ClusterReport extends Kills {
  readonly uploads: number;
  readonly seconds: number;
  /** What the clients were told is committed, and was not there later. */
  readonly acks: number;
  readonly lostAcks: number;
  readonly complete: number;
  /** Files whose bytes came back as they went, by another server each. */
  readonly right: number;
  /** Files that there are at the end, and those of them that have the name of another. */
  readonly published: number;
  readonly twice: number;
  /** Parts that are left in the bucket. */
  readonly partsLeft: number;
  /** Multipart uploads without any: a server that was killed had begun one and told no record. The sweep finds them a day later. */
  readonly orphans: number;
  /** Objects besides the files, their manifests and the mark. */
  readonly objectsLeft: readonly string[];
  readonly failures: readonly string[];
}

/** What has become of one upload. */
export interface Ended {
  readonly content: Content;
  /** Where its file is. */
  readonly path: string;
}

/** Uploads of one process of the command line. */
const TOGETHER = 10;
/** What was completing at a server that was killed goes on when its claim is over. */
const SETTLE_MS = 20_000;

export async function killCluster(directory: string, wants: ClusterWants): Promise<ClusterReport> {
  const { parts, appends, size, rate } = wants;
  const uploads = parts + appends;
  const told: Told = { acks: 0, lost: 0 };
  const failures: string[] = [];
  const cluster = await startCluster(directory);
  try {
    const started = performance.now();
    const from = join(directory, "files");
    await mkdir(from);
    const contents = Array.from({ length: uploads }, (_, seed) => ({ seed, size }));
    const files = contents
      .slice(0, parts)
      .map((content) => ({ content, path: nameIn(from, content) }));
    for (const { path, content } of files) await writeContent(path, content);
    const work: Promise<readonly Ended[]>[] = [];
    for (let at = 0; at < files.length; at += TOGETHER) {
      const some = files.slice(at, at + TOGETHER);
      const way = (at / TOGETHER) % 2 === 0 ? "direct" : "server";
      const state = join(directory, `state-${at}`);
      work.push(uploadTogether(cluster.url, some, { way, state, rate: rate * some.length, told }));
    }
    for (const content of contents.slice(parts)) {
      work.push(appendTo(cluster.url, content, { rate, told }));
    }
    const killing = killByClock(cluster, wants, failures);
    const all = await Promise.allSettled(work);
    const kills = await killing;
    const ended: Ended[] = [];
    for (const one of all) {
      if (one.status === "fulfilled") ended.push(...one.value);
      else failures.push(String(one.reason));
    }
    const right = await countRight(cluster.urls(), ended, failures);
    const names = await namesOf(cluster.url);
    const seconds = Math.round((performance.now() - started) / 1000);
    const found = await settled(cluster.look, uploads);
    return {
      ...{ ...kills, uploads, seconds, acks: told.acks, lostAcks: told.lost },
      ...{ complete: ended.length, right, published: names.length },
      twice: names.length - new Set(names).size,
      partsLeft: found.parts,
      orphans: found.unfinished,
      objectsLeft: besides(found.objects),
      failures,
    };
  } finally {
    await cluster.stop();
  }
}

function nameIn(directory: string, { seed }: Content): string {
  return join(directory, `file-${seed}.bin`);
}

/** Each file from the next server: whoever published it, all of them have it. */
async function countRight(
  urls: readonly string[],
  ended: readonly Ended[],
  failures: string[],
): Promise<number> {
  let right = 0;
  for (const [at, { content, path }] of ended.entries()) {
    const different = await servedDifference(urls[at % urls.length] ?? "", path, content);
    if (different === undefined) right++;
    else failures.push(`${path} has a wrong byte at ${different}`);
  }
  return right;
}

/** Of all files that there are. */
async function namesOf(url: string): Promise<readonly string[]> {
  const listed: unknown = await (await fetch(`${url}/v1/files?limit=1000`)).json();
  const files =
    typeof listed === "object" && listed && "files" in listed ? listed.files : undefined;
  if (!Array.isArray(files)) throw new Error("no files are listed");
  return files.map(({ name }: { readonly name: unknown }) => String(name));
}

/** What is there once those that go on with what others have left had the time for it. */
async function settled(
  look: () => Promise<{ objects: readonly string[]; unfinished: number; parts: number }>,
  files: number,
) {
  for (const until = performance.now() + SETTLE_MS; ; ) {
    const found = await look();
    const isClean = found.parts === 0 && found.objects.length <= 2 * files + 1;
    if (isClean || performance.now() > until) return found;
    await sleep(1000);
  }
}

/** Of each upload there is one object of bytes and one manifest: what is there besides. */
function besides(keys: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return keys.filter((key) => {
    if (key === "holdfast.json") return false;
    const [, kind, id] = /^(bytes|besides)\/([^/]+)\/(?:manifest\/)?[^/]+$/.exec(key) ?? [];
    const isOnly = kind !== undefined && !seen.has(`${kind} ${id}`);
    seen.add(`${kind} ${id}`);
    return !isOnly || (kind === "besides" && !key.includes("/manifest/"));
  });
}
