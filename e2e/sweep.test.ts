// Sweeps with real processes: what expired while no server ran goes at the next start; an operator sees it before and after.
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { killServer, type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { eventOf, run, type Said } from "./kit/cli.ts";

const ADMIN = "the-admin-of-the-tests";
let home: string;
let data: string;
let server: ServerProcess;

const start = () => startServer({ data, port: 0, env: { HOLDFAST_TOKEN: ADMIN } });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-sweep-"));
  data = join(home, "data");
  server = await start();
});
afterAll(async () => {
  await killServer(server);
  await rm(home, { recursive: true });
});

function sweep(...words: readonly string[]): Promise<Said> {
  const env = { HOLDFAST_TOKEN: ADMIN, HOLDFAST_TO: server.url };
  return run(home, ["sweep", ...words], { env });
}

async function ask(
  method: string,
  path: string,
  headers = {},
  body?: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const authorization = `Bearer ${ADMIN}`;
  const headed = { authorization, ...headers };
  return fetch(`${server.url}${path}`, { method, headers: headed, ...(body ? { body } : {}) });
}

/** An upload with one committed part of two; its id. */
async function begun(): Promise<string> {
  const bytes = Buffer.alloc(256 * 1024, "x");
  const wants = { name: "a", size: bytes.length + 1, partSize: bytes.length };
  const type = { "content-type": "application/json" };
  const made = await ask("POST", "/v1/uploads", type, JSON.stringify(wants));
  const location = made.headers.get("location") ?? "";
  const digest = createHash("sha256").update(bytes).digest("base64");
  const head = { "content-digest": `sha-256=:${digest}:` };
  expect((await ask("PUT", `${location}/parts/0`, head, bytes)).status).toBe(200);
  return location.split("/").at(-1) ?? "";
}

/** As if the last commit had been long ago. */
function age(id: string): void {
  const db = new DatabaseSync(join(data, "records.sqlite"));
  const { changes } = db.prepare("UPDATE uploads SET expires_at = 1 WHERE id = ?").run(id);
  db.close();
  expect(Number(changes)).toBe(1);
}

it("an expired upload is gone after the next start, and says so; another one goes on", async () => {
  const [old, young] = [await begun(), await begun()];
  await stopServer(server);
  age(old);
  server = await start();
  await vi.waitFor(async () => {
    expect((await ask("GET", `/v1/uploads/${old}`)).status).toBe(410);
    expect((await readdir(join(data, "uploads"))).join()).not.toContain(old);
  }, 10_000);
  expect(await (await ask("GET", `/v1/uploads/${young}`)).json()).toMatchObject({
    state: "open",
    committed: { count: 1 },
  });
});

it("an operator sees what would go, and nothing goes", async () => {
  const id = await begun();
  await vi.waitFor(() => age(id), 10_000);
  const dry = eventOf(await sweep("--dry-run", "--json"), "sweep");
  expect(dry.get("expired")).toEqual({ count: 1, bytes: 256 * 1024 + 1 });
  expect((await ask("GET", `/v1/uploads/${id}`)).status).toBe(200);
});

it("an operator has it go where there is something", async () => {
  const real = eventOf(await sweep("--json"), "sweep");
  expect([real.get("isDryRun"), real.get("failed"), real.get("isWhole")]).toEqual([false, 0, true]);
});
