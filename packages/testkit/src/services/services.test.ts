// The services that tests stand on: they come up on this machine, come back after a kill, and leave nothing behind.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Command, killQuietly, startProgram } from "../process.ts";
import { canConnect } from "./child.ts";
import { startNginx } from "./nginx.ts";
import { startPostgres } from "./postgres.ts";
import { startSeaweed } from "./seaweed.ts";

const PROGRAM = fileURLToPath(new URL("../../../../scripts/services.ts", import.meta.url));

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function ask(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

describe("PostgreSQL", () => {
  it("flushes what it acknowledges, and has it again after its power is cut", async () => {
    const postgres = await startPostgres();
    stops.push(postgres.stop);
    expect(await ask(postgres.url, "SHOW fsync")).toBe("on");
    await ask(postgres.url, "CREATE TABLE kept AS SELECT 7 AS value");
    await postgres.kill();
    expect(await canConnect(postgres.port)).toBe(false);
    await postgres.start();
    expect(await ask(postgres.url, "SELECT value FROM kept")).toBe(7);
  });

  it("lets in only who has its password", async () => {
    const postgres = await startPostgres();
    stops.push(postgres.stop);
    const other = new URL(postgres.url);
    other.password = "guessed";
    await expect(ask(other.href, "SELECT 1")).rejects.toThrow("password authentication failed");
  });
});

it("SeaweedFS speaks S3, and refuses who does not sign", async () => {
  const seaweed = await startSeaweed();
  stops.push(seaweed.stop);
  const answer = await fetch(`${seaweed.url}/bucket/key`, { method: "PUT", body: "bytes" });
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain("<Code>AccessDenied</Code>");
});

it("nginx hands requests on to what stands behind it", async () => {
  const behind = await startNginx([]);
  stops.push(behind.stop);
  const before = await startNginx([new URL(behind.url).host]);
  stops.push(before.stop);
  const answer = await fetch(before.url);
  expect([answer.status, answer.headers.get("server")]).toEqual([
    502,
    expect.stringMatching("nginx"),
  ]);
});

describe("the command", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "holdfast-services-"));
    // PostgreSQL's own user passes through it.
    chmodSync(directory, 0o755);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function start(...names: readonly string[]): Command {
    return startProgram([process.execPath, PROGRAM, ...names], { env: { TMPDIR: directory } });
  }

  function portOf(command: Command, name: string): number {
    const address: unknown = command.events[0]?.fields.get(name);
    if (typeof address !== "object" || address === null || !("url" in address)) return 0;
    return Number(new URL(`${address.url}`).port);
  }

  /** Of the processes that it has started. */
  function childrenOf(pid: number): readonly number[] {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return text.split(" ").map(Number);
  }

  const isGone = (pid: number) => !killQuietly(pid, 0) || !existsSync(`/proc/${pid}`);

  it.each(["SIGTERM", "SIGKILL"] as const)("takes its services along on %s", async (signal) => {
    const command = start("postgres", "nginx");
    await command.event("started");
    const ports = ["postgres", "nginx"].map((name) => portOf(command, name));
    for (const port of ports) expect(await canConnect(port)).toBe(true);
    const children = childrenOf(command.pid);
    expect(children).toHaveLength(2);
    command.kill(signal);
    await command.exit;
    await expect.poll(() => children.every(isGone), { timeout: 10_000 }).toBe(true);
    for (const port of ports) expect(await canConnect(port)).toBe(false);
    // Whoever is killed cannot tidy up; whoever is asked to end does.
    if (signal === "SIGTERM") expect(readdirSync(directory)).toEqual([]);
  });

  it("says which services there are, where it is asked for another", async () => {
    const command = start("oracle");
    expect(await command.exit).toMatchObject({ code: 1 });
    expect(command.stderr()).toContain("no service is called oracle: postgres, seaweed, nginx");
  });
});
