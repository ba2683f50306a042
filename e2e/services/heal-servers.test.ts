// Two servers over one PostgreSQL and one bucket heal the same file at the same time, while somebody reads it and one of them is killed: one object takes its place, and nothing else is left.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { decodeStoredFile, MIB } from "@holdfast/protocol";
import {
  killAll,
  killServer,
  type ServerProcess,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Store, startStore } from "../kit/bucket.ts";
import { bytesOf } from "../kit/source.ts";

const PREFIX = "shared";
const SIZE = 17 * MIB + 4321;

type Brought = ReturnType<typeof decodeStoredFile>;

let home: string;
let store: Store;
let postgres: Postgres;
let servers: [ServerProcess, ServerProcess];

const start = (at: number) =>
  startServer({
    data: join(home, `server-${at}`),
    port: 0,
    env: { ...store.env(PREFIX), HOLDFAST_METADATA: postgres.url },
  });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-heal-"));
  [store, postgres] = await Promise.all([startStore(), startPostgres()]);
  servers = await Promise.all([start(0), start(1)]);
}, 120_000);
afterAll(async () => {
  await Promise.all((servers ?? []).map(stopServer));
  killAll();
  await postgres?.stop();
  await store?.stop();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
});

async function bring({ url }: ServerProcess, content: Buffer): Promise<Brought> {
  const answer = await fetch(`${url}/v1/files`, {
    method: "POST",
    headers: { "content-disposition": "attachment; filename=a" },
    body: new Uint8Array(content),
  });
  expect(answer.status).toBe(201);
  return decodeStoredFile(await answer.json());
}

/** Keys of the objects that were made of one upload, without the prefix. */
const keysOf = async ({ upload }: Brought) =>
  (await store.look(PREFIX)).objects.filter((key) => key.startsWith(`bytes/${upload}/`));

/** Looks at each part before it goes out. */
const read = ({ url }: ServerProcess, { id }: Brought) =>
  fetch(`${url}/v1/files/${id}`, { headers: { "holdfast-verify": "?1" } });

async function damaged({ url }: ServerProcess): Promise<string | undefined> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return /^holdfast_files_damaged (\d+)$/m.exec(page)?.[1];
}

const untilHealed = (server: ServerProcess) =>
  expect.poll(() => damaged(server), { timeout: 30_000 }).toBe("0");

async function expectWhole(file: Brought, content: Buffer): Promise<void> {
  for (const server of servers) {
    const answer = await read(server, file);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect([answer.status, bytes.equals(content)]).toEqual([200, true]);
  }
}

/** A file that one server has found to be bad in the store, and of which both know it. */
async function brokenFile(seed: number) {
  const content = bytesOf({ seed, size: SIZE }, 0, SIZE);
  const file = await bring(servers[0], content);
  const [key = ""] = await keysOf(file);
  const spoilt = Buffer.from(content);
  spoilt[9] = (spoilt[9] ?? 0) ^ 1;
  await store.put(`${PREFIX}/${key}`, spoilt);
  const refused = await read(servers[1], file);
  expect([refused.status, await refused.json()]).toMatchObject([500, { code: "part_damaged" }]);
  for (const server of servers) expect(await damaged(server)).toBe("1");
  return { content, file, key };
}

it("is done by both at once, and by one of them for good", async () => {
  const { content, file, key } = await brokenFile(1);
  const twins = await Promise.all(servers.map((server) => bring(server, content)));
  await Promise.all(servers.map(untilHealed));
  await expectWhole(file, content);
  // What the slower one has made goes; the old object stays for who reads it.
  await expect.poll(async () => (await keysOf(file)).length, { timeout: 10_000 }).toBe(2);
  expect(await keysOf(file)).toContain(key);
  await expect.poll(async () => (await store.look(PREFIX)).unfinished, { timeout: 10_000 }).toBe(0);
  for (const twin of twins) expect(await keysOf(twin)).toHaveLength(1);
}, 60_000);

it("is gone on with by the other one where a server is killed in the middle of it", async () => {
  const { content, file, key } = await brokenFile(2);
  await bring(servers[0], content);
  const isBegun = async () => (await store.look(PREFIX)).unfinished > 0;
  while ((await damaged(servers[1])) === "1" && !(await isBegun())) await nextTurn();
  await killServer(servers[0]);
  const swept = await fetch(`${servers[1].url}/v1/sweep`, { method: "POST" });
  expect(swept.status).toBe(200);
  await untilHealed(servers[1]);
  servers[0] = await start(0);
  await expectWhole(file, content);
  expect(await keysOf(file)).toContain(key);
  const { url } = servers[0];
  expect((await fetch(`${url}/v1/files/${file.id}`, { method: "DELETE" })).status).toBe(204);
  expect(await keysOf(file)).toEqual([]);
}, 60_000);
