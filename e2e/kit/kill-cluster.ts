// Uploads through three servers of which one is killed again and again, and PostgreSQL too; then looks at every file, at who has it, and at what is left in the bucket.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startCli, textOf } from "@holdfast/testkit/process";
import { createRandom } from "@holdfast/testkit/random";
import { type Cluster, startCluster } from "../../examples/cluster/cluster.ts";

export interface ClusterWants {
  readonly uploads: number;
  /** Of each, in bytes. */
  readonly size: number;
  /** Of each upload, as `--limit-rate` takes it. */
  readonly rate: string;
  readonly killMs: number;
  readonly everyMs: number;
  readonly postgresKills: number;
}

export interface ClusterReport {
  readonly kills: number;
  readonly complete: number;
  /** Files whose bytes came back as they went, by another server each. */
  readonly right: number;
  /** Files that there are at the end: one more than complete ones has been published twice. */
  readonly published: number;
  /** Parts that are left in the bucket. A multipart upload without any may be: a server that was killed had begun it and told no record. The sweep finds it a day later. */
  readonly partsLeft: number;
  readonly failures: readonly string[];
}

export async function killCluster(directory: string, wants: ClusterWants): Promise<ClusterReport> {
  const cluster = await startCluster(directory);
  try {
    const files = await makeFiles(directory, wants);
    // Half of them straight to the store, half through the servers.
    const ways = ["direct", "server"] as const;
    const uploading = files.map(({ path }, at) =>
      upload(cluster, directory, path, [
        ...["--limit-rate", wants.rate],
        ...["--transfer", ways[at % 2] ?? "auto"],
      ]),
    );
    const killing = kill(cluster, wants);
    const ids = await Promise.allSettled(uploading);
    const kills = await killing;
    const failures = ids.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
    let right = 0;
    for (const [at, one] of ids.entries()) {
      const { sha256 } = files[at] ?? {};
      const url = cluster.urls()[at % cluster.urls().length] ?? cluster.url;
      if (one.status === "fulfilled" && (await sumAt(`${url}/v1/files/${one.value}`)) === sha256) {
        right++;
      }
    }
    const complete = ids.length - failures.length;
    const { parts: partsLeft } = await cluster.look();
    const published = await publishedIn(cluster);
    return { kills, complete, right, published, partsLeft, failures };
  } finally {
    await cluster.stop();
  }
}

async function makeFiles(directory: string, { uploads, size }: ClusterWants) {
  const from = join(directory, "files");
  await mkdir(from);
  const files: { readonly path: string; readonly sha256: string }[] = [];
  for (let at = 0; at < uploads; at++) {
    // Different from its first bytes on: no two of them are one upload.
    const bytes = createRandom(`cluster/${at}`).bytes(size);
    const path = join(from, `file-${at}.bin`);
    await writeFile(path, bytes);
    files.push({ path, sha256: createHash("sha256").update(bytes).digest("hex") });
  }
  return files;
}

/** Resolves with the file's id. */
async function upload(
  { url }: Cluster,
  directory: string,
  path: string,
  options: readonly string[],
): Promise<string> {
  const env = { HOLDFAST_STATE_DIR: join(directory, "state"), HOLDFAST_TOKEN: "" };
  const words = ["upload", path, "--to", url, "--json", ...options];
  const command = startCli(words, { env });
  const done = await command.event("complete");
  const id = textOf(done, "id");
  await command.exit;
  return id;
}

/** One server after the other, so that two of three are up; PostgreSQL in between. */
async function kill(cluster: Cluster, { killMs, everyMs, postgresKills }: ClusterWants) {
  const started = performance.now();
  let kills = 0;
  let ofPostgres = 0;
  while (performance.now() - started < killMs) {
    await pause(everyMs);
    const isDue = performance.now() - started > ((ofPostgres + 1) * killMs) / (postgresKills + 1);
    if (isDue && ofPostgres < postgresKills) {
      ofPostgres++;
      await cluster.postgres.kill();
      await pause(1000);
      await cluster.postgres.start();
    }
    await cluster.restart(kills++ % cluster.urls().length);
  }
  return kills;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function sumAt(url: string): Promise<string> {
  const { body } = await fetch(url);
  const sum = createHash("sha256");
  for await (const piece of body ?? []) sum.update(piece);
  return sum.digest("hex");
}

/** All files that there are, by another server. */
async function publishedIn({ url }: Cluster): Promise<number> {
  const listed: unknown = await (await fetch(`${url}/v1/files?limit=1000`)).json();
  const files =
    typeof listed === "object" && listed && "files" in listed ? listed.files : undefined;
  if (!Array.isArray(files)) throw new Error("no files are listed");
  return files.length;
}
