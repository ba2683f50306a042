// Several buckets by tenant, on a real store and on the one for tests: whatever is done with an upload is done in its own bucket, also after the rule has changed, and nothing of it ever reaches another.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import {
  killAll,
  killServer,
  type ServerProcess,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Environment, inDouble, type Store, startStore } from "../kit/bucket.ts";
import { run } from "../kit/cli.ts";
import { refusedStart } from "../kit/refused-start.ts";
import { confirmParts, sendSigned, signParts } from "../kit/signed.ts";
import { bytesOf } from "../kit/source.ts";
import {
  ask,
  completeJob,
  createJob,
  type Job,
  putRun,
  type Reply,
  servedDifference,
  viewOf,
} from "../kit/wire.ts";

/** Two stores, or two buckets of one. */
interface Stores {
  /** The first bucket. */
  readonly main: Store;
  /** Another one, and the only one of it that is given a name. */
  readonly eu: Store;
  /** What each was ever asked about, where that is known. */
  readonly asked: { readonly main: readonly string[]; readonly eu: readonly string[] };
  stop(): Promise<void>;
}

const addressIn = (store: Store, prefix: string) => store.env(prefix)["HOLDFAST_STORAGE"] ?? "";

async function inTwoDoubles(): Promise<Stores> {
  const [one, other] = [await startS3Double(), await startS3Double()];
  return {
    main: inDouble(one),
    eu: inDouble(other),
    asked: { main: one.asked, eu: other.asked },
    async stop() {
      await one.close();
      await other.close();
    },
  };
}

async function inSeaweed(): Promise<Stores> {
  const main = await startStore();
  const eu = await main.another("files-eu");
  return { main, eu, asked: { main: [], eu: [] }, stop: main.stop };
}

const STORES: readonly (readonly [name: string, start: () => Promise<Stores>])[] = [
  ["SeaweedFS", inSeaweed],
  ["the double", inTwoDoubles],
];

const SIZE = 8 * MIB + 4097;
let seed = 100;
const content = () => ({ seed: ++seed, size: SIZE });

describe.each(STORES)("on %s", (_name, start) => {
  let stores: Stores;
  let directory: string;
  let data: string;
  /** Of the test that runs: each has an installation of its own. */
  let prefix: string;
  let tests = 0;
  beforeAll(async () => {
    stores = await start();
  });
  afterAll(() => stores.stop());
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-homes-"));
    data = join(directory, "data");
    prefix = `test-${++tests}`;
  });
  afterEach(async () => {
    killAll();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  const eu = (): string => addressIn(stores.eu, prefix);
  const BOTH = () => ({ HOLDFAST_SERVE_STORAGES: `eu=${eu()}` });
  const begin = (more: Environment): Promise<ServerProcess> =>
    startServer({ data, port: 0, env: { ...stores.main.env(prefix), ...more } });

  async function refusal(more: Environment): Promise<string> {
    const refused = await refusedStart(data, { ...stores.main.env(prefix), ...more });
    return [refused.code, refused.message, refused.hint].join("\n");
  }

  /** Nothing of these was ever asked of a bucket, nor is there. */
  async function expectNothing(of: "main" | "eu", ids: readonly string[]): Promise<void> {
    const { objects } = await stores[of].look(prefix);
    for (const id of ids) {
      expect([...objects, ...stores.asked[of]].filter((one) => one.includes(id))).toEqual([]);
    }
  }

  function append(url: string, id: string, at: number, bytes: Uint8Array): Promise<Reply> {
    const headers = {
      "upload-draft-interop-version": "8",
      "content-type": "application/partial-upload",
      "upload-offset": `${at}`,
      "upload-complete": "?0",
    };
    return ask(url, { method: "PATCH", path: `/v1/uploads/${id}`, headers, body: bytes });
  }

  /** Every way in which bytes come, then the file. */
  async function whole(url: string): Promise<{ readonly job: Job; readonly file: string }> {
    const job = await createJob(url, content());
    const half = bytesOf(job.content, 0, 4 * MIB);
    expect((await append(url, job.id, 0, half)).status).toBe(204);
    expect((await putRun(url, job, [0, 1])).status).toBe(200);
    const [signed] = await signParts(url, job, [1]);
    if (!signed) throw new Error("nothing was signed");
    expect(await sendSigned(signed)).toBe(200);
    expect((await confirmParts(url, job, [1])).status).toBe(200);
    const file = viewOf(await completeJob(url, job.id)).file?.url ?? "";
    expect(await servedDifference(url, file, job.content)).toBeUndefined();
    expect((await ask(url, { method: "GET", path: `${file}/manifest` })).status).toBe(200);
    return { job, file };
  }

  it("keeps all of a tenant in its bucket, through kill -9 and another rule", async () => {
    const first = await begin({ ...BOTH(), HOLDFAST_SERVE_HOMES: "local=eu" });
    const done = await whole(first.url);
    // One with a tail, one with a part and a signed request, one that is aborted, one that nothing has come for.
    const tailed = await createJob(first.url, content());
    expect((await append(first.url, tailed.id, 0, bytesOf(tailed.content, 0, MIB))).status).toBe(
      204,
    );
    const parted = await createJob(first.url, content());
    expect((await putRun(first.url, parted, [0, 1])).status).toBe(200);
    const [late] = await signParts(first.url, parted, [1]);
    const aborted = await createJob(first.url, content());
    expect((await putRun(first.url, aborted, [0, 1])).status).toBe(200);
    const path = `/v1/uploads/${aborted.id}`;
    expect((await ask(first.url, { method: "DELETE", path })).status).toBe(204);
    const fresh = await createJob(first.url, content());
    await killServer(first);

    // The rule is gone: what is there stays where it is, what is new goes to the first bucket.
    const second = await begin(BOTH());
    expect(await servedDifference(second.url, done.file, done.job.content)).toBeUndefined();
    const rest = bytesOf(tailed.content, MIB, SIZE);
    expect((await append(second.url, tailed.id, MIB, rest)).status).toBe(204);
    if (!late) throw new Error("nothing was signed");
    expect(await sendSigned(late)).toBe(200);
    expect((await confirmParts(second.url, parted, [1])).status).toBe(200);
    expect((await putRun(second.url, fresh, [0, 2])).status).toBe(200);
    const files = [done.file];
    for (const { id, content: sent } of [tailed, parted, fresh]) {
      const file = viewOf(await completeJob(second.url, id)).file?.url ?? "";
      expect(await servedDifference(second.url, file, sent)).toBeUndefined();
      files.push(file);
    }
    const after = await whole(second.url);
    const before = [done.job, tailed, parted, aborted, fresh].map(({ id }) => id);
    await expectNothing("main", before);
    await expectNothing("eu", [after.job.id]);
    for (const path of [...files, after.file]) {
      expect((await ask(second.url, { method: "DELETE", path })).status).toBe(204);
    }
    // Nothing is left but the names.
    expect(await stores.main.look(prefix)).toMatchObject({
      objects: ["holdfast.json", "homes/eu"],
      unfinished: 0,
    });
    expect(await stores.eu.look(prefix)).toMatchObject({
      objects: ["holdfast.json"],
      unfinished: 0,
    });
    await stopServer(second);
  }, 120_000);

  it("tells tenants apart, and the command line does not notice", async () => {
    const tokens = new Map<string, string>();
    for (const tenant of ["acme", "beta"]) {
      const words = ["--name", tenant, "--scope", "read,write", "--tenant", tenant, "--data", data];
      tokens.set(tenant, (await run(directory, ["token", "create", ...words])).stdout.trim());
    }
    // After that: one that runs already hears of its first tokens a moment later, and until then all are nobody.
    const server = await begin({ ...BOTH(), HOLDFAST_SERVE_HOMES: "acme=eu" });
    const bytes = randomBytes(SIZE);
    await writeFile(join(directory, "file"), bytes);
    const objects = { acme: "", beta: "" };
    for (const tenant of ["acme", "beta"] as const) {
      const env = { HOLDFAST_TOKEN: tokens.get(tenant) ?? "", HOLDFAST_TO: server.url };
      const name = ["--name", `of-${tenant}`];
      const up = await run(directory, ["upload", "file", ...name], { env });
      expect(up.code, up.stderr).toBe(0);
      const down = await run(directory, ["download", up.stdout.trim(), "-o", `${tenant}.copy`], {
        env,
      });
      expect(down.code, down.stderr).toBe(0);
      expect(bytes.equals(await readFile(join(directory, `${tenant}.copy`)))).toBe(true);
      const found = await stores[tenant === "acme" ? "eu" : "main"].look(prefix);
      const [key = ""] = found.objects.filter((one) => one.startsWith("bytes/"));
      objects[tenant] = key.split("/")[1] ?? "";
      expect(objects[tenant]).not.toBe("");
    }
    await expectNothing("main", [objects.acme]);
    await expectNothing("eu", [objects.beta]);
    await stopServer(server);
  }, 120_000);

  it("refuses to start without a bucket that files may be in, or with another by its name", async () => {
    await stopServer(await begin(BOTH()));
    const without = await refusal({});
    expect(without).toMatch(/storage_unusable\n.*storage eu \(s3:.*--storages does not name it\n/);
    expect(without).toContain("--storages eu=");
    const renamed = await refusal({ HOLDFAST_SERVE_STORAGES: `eu=${eu()},us=${eu()}` });
    expect(renamed).toMatch(/storage_unusable\n.*another name than us/);
    const other = eu().replace(/\?/, "-other?");
    expect(await refusal({ HOLDFAST_SERVE_STORAGES: `eu=${other}` })).toMatch(
      /storage_unusable\n.*is another bucket/,
    );
    const typo = { ...BOTH(), HOLDFAST_SERVE_HOMES: "acme=ue" };
    expect(await refusal(typo)).toMatch(/usage\n.*no such storage\nDid you mean eu/);
    // One more takes nothing away.
    const server = await begin({ HOLDFAST_SERVE_STORAGES: `eu=${eu()},new=${other}` });
    expect((await ask(server.url, { method: "GET", path: "/readyz" })).status).toBe(200);
    await stopServer(server);
  }, 120_000);
});
