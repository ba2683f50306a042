// Records in a PostgreSQL and bytes in a data directory: which go together, what a wrong pair is told, and where a password never shows.
import { readdirSync, readFileSync } from "node:fs";
import { chmod, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import {
  killServer,
  type ServerProcess,
  startCli,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Environment } from "../kit/bucket.ts";
import { type RefusedStart, refusedStart } from "../kit/refused-start.ts";
import { withScratch } from "../kit/scratch.ts";
import { createJob, putRun, statusOf } from "../kit/wire.ts";

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

let schemas = 0;

/** An address whose tables are its own. */
function freshAddress(): string {
  return `${postgres.url}?schema=start${schemas++}`;
}

function passwordOf(address: string): string {
  return new URL(address).password;
}

function withoutPassword(address: string): string {
  const url = new URL(address);
  url.password = "";
  return url.href;
}

function start(data: string, address: string, env: Environment = {}): Promise<ServerProcess> {
  return startServer({ data, port: 0, env: { HOLDFAST_METADATA: address, ...env } });
}

const CONTENT = { seed: 4, size: 300_000 };

/** One acknowledged part, in a server that then ends. */
async function storeSomething(data: string, address: string | undefined): Promise<string> {
  const env: Environment = address === undefined ? {} : { HOLDFAST_METADATA: address };
  const server = await startServer({ data, port: 0, env });
  const job = await createJob(server.url, CONTENT);
  expect((await putRun(server.url, job, [0, 1])).status).toBe(200);
  expect(await stopServer(server)).toMatchObject({ code: 0 });
  return job.id;
}

const storedIn = (data: string) => readdirSync(join(data, "uploads")).toSorted();

describe("a data directory whose records are in PostgreSQL", () => {
  it("is served again with them, and refused without them, untouched", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const address = freshAddress();
      const id = await storeSomething(data, address);
      const stored = storedIn(data);
      expect(await refusedStart(data)).toMatchObject({
        code: "data_dir_unusable",
        exitCode: 7,
        message: expect.stringContaining("its records are in a PostgreSQL"),
        hint: expect.stringContaining("--metadata"),
      });
      expect(await refusedStart(data, { HOLDFAST_METADATA: freshAddress() })).toMatchObject({
        code: "data_dir_unusable",
        message: expect.stringContaining("the records that --metadata names are new"),
      });
      expect(readdirSync(data)).not.toContain("unrecorded");
      expect(storedIn(data)).toEqual(stored);
      const server = await start(data, address);
      const { committed } = await statusOf(server.url, id);
      expect(committed.bits[0]).toBe(1);
      await stopServer(server);
    }));

  it("is refused where its mark cannot be read", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const address = freshAddress();
      await storeSomething(data, address);
      await writeFile(join(data, "metadata.json"), "{");
      expect(await refusedStart(data, { HOLDFAST_METADATA: address })).toMatchObject({
        code: "data_dir_unusable",
        message: expect.stringContaining("metadata.json"),
      });
    }));
});

describe("a data directory with records of its own", () => {
  it("is refused with others, untouched", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const id = await storeSomething(data, undefined);
      const stored = storedIn(data);
      expect(await refusedStart(data, { HOLDFAST_METADATA: freshAddress() })).toMatchObject({
        code: "data_dir_unusable",
        exitCode: 7,
        message: expect.stringContaining("records.sqlite"),
        hint: expect.stringContaining("without --metadata"),
      });
      expect(readdirSync(data)).not.toContain("metadata.json");
      expect(storedIn(data)).toEqual(stored);
      const server = await startServer({ data, port: 0 });
      expect((await statusOf(server.url, id)).committed.bits[0]).toBe(1);
      await stopServer(server);
    }));
});

// From here on side by side: who is refused because of another waits for that one first.
describe.concurrent("records", () => {
  it("of one directory are refused for another, by name", () =>
    withScratch(async (directory) => {
      const [first, second] = [join(directory, "first"), join(directory, "second")];
      const address = freshAddress();
      const server = await start(first, address);
      expect(await refusedStart(second, { HOLDFAST_METADATA: address })).toMatchObject({
        code: "metadata_unusable",
        exitCode: 7,
        message: expect.stringMatching(`another server uses its records: .*:${first}, process`),
      });
      await killServer(server);
      expect(await refusedStart(second, { HOLDFAST_METADATA: address })).toMatchObject({
        code: "metadata_unusable",
        message: expect.stringMatching(`other bytes, of .*:${first}, process`),
        hint: expect.stringContaining("?schema="),
      });
      // Nothing was promised to the second directory, which takes records of its own.
      await stopServer(await startServer({ data: second, port: 0 }));
      // A directory may be moved: the mark in it counts, not its name.
      await rename(first, join(directory, "moved"));
      await stopServer(await start(join(directory, "moved"), address));
    }));

  it("that nobody serves leave the directory as it was", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const port = await freePort();
      const address = `postgres://holdfast@127.0.0.1:${port}/postgres`;
      expect(await refusedStart(data, { HOLDFAST_METADATA: address })).toMatchObject({
        code: "metadata_unusable",
        exitCode: 7,
        message: expect.stringContaining(`127.0.0.1:${port}`),
        hint: expect.stringContaining("Is it running"),
      });
      await stopServer(await startServer({ data, port: 0 }));
    }));

  it("need the driver, and say how to get it", () =>
    withScratch(async (directory) => {
      const hook = join(directory, "without-pg.mjs");
      await writeFile(
        hook,
        `import { registerHooks } from "node:module";
        registerHooks({ resolve: (name, context, next) => {
          if (name !== "pg") return next(name, context);
          throw Object.assign(new Error("Cannot find package 'pg'"), { code: "ERR_MODULE_NOT_FOUND" });
        } });`,
      );
      const env = { HOLDFAST_METADATA: freshAddress(), NODE_OPTIONS: `--import=${hook}` };
      expect(await refusedStart(join(directory, "data"), env)).toMatchObject({
        code: "metadata_unusable",
        exitCode: 7,
        hint: expect.stringContaining("npm install pg"),
      });
    }));
});

describe.concurrent("the password", { timeout: 120_000 }, () => {
  it("may stand in the file that PGPASSFILE names, or in PGPASSWORD", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const address = freshAddress();
      const bare = withoutPassword(address);
      const password = passwordOf(address);
      const file = join(directory, "pgpass");
      await writeFile(file, `127.0.0.1:${postgres.port}:postgres:holdfast:${password}\n`);
      await chmod(file, 0o600);
      await stopServer(await start(data, bare, { PGPASSFILE: file }));
      await stopServer(await start(data, bare, { PGPASSWORD: password, PGPASSFILE: "/none" }));
      expect(
        await refusedStart(data, { HOLDFAST_METADATA: bare, PGPASSFILE: "/none" }),
      ).toMatchObject({
        code: "metadata_unusable",
        message: expect.stringContaining("it asks for a password"),
        hint: expect.stringContaining("PGPASSFILE"),
      });
    }));

  it("is in no log, no error, no list of processes and no configuration that is shown", (context) =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const address = freshAddress();
      const password = passwordOf(address);
      const heard: string[] = [];
      const hear = ({ said }: RefusedStart) => heard.push(said);

      const onCommandLine = await refusedStart(data, {}, ["--metadata", address]);
      expect(onCommandLine).toMatchObject({ code: "usage", exitCode: 2 });
      hear(onCommandLine);
      hear(await refusedStart(data, {}, ["--metadata", address.replace("postgres:", "mysql:")]));
      hear(await refusedStart(data, { HOLDFAST_METADATA: address.replace("//", "//%zz") }));
      hear(
        await refusedStart(data, { HOLDFAST_METADATA: address.replace("holdfast:", "nobody:") }),
      );
      hear(
        await refusedStart(data, { HOLDFAST_METADATA: address.replace("/postgres?", "/none?") }),
      );

      const env = { HOLDFAST_METADATA: address, HOLDFAST_SERVE_LOG_LEVEL: "debug" };
      const server = await startServer({ data, port: 0, env });
      for (const name of ["cmdline", "comm"]) {
        heard.push(readFileSync(`/proc/${server.serverPid}/${name}`, "utf8"));
      }
      await createJob(server.url, CONTENT);
      hear(await refusedStart(join(directory, "other"), env));
      for (const more of [[], ["--json"]]) {
        const shown = startCli(["config", "show", ...more], { env });
        expect(await shown.exit).toMatchObject({ code: 0 });
        heard.push(
          ...shown.strayLines,
          ...shown.events.map((one) => JSON.stringify([...one.fields])),
        );
      }
      const written = startCli(["serve", "--port", "0", "--data", join(directory, "third")], {
        env: { HOLDFAST_METADATA: freshAddress() },
      });
      await context.expect
        .poll(() => written.strayLines.join("\n"), { timeout: 30_000 })
        .toContain("Ctrl-C stops it");
      written.kill("SIGTERM");
      await written.exit;
      heard.push(...written.strayLines, written.stderr());
      await stopServer(server);
      heard.push(server.stderr(), readFileSync(join(data, "metadata.json"), "utf8"));

      const all = heard.join("\n");
      expect(all).toContain("holdfast:***@127.0.0.1");
      expect(password.length).toBeGreaterThan(20);
      expect(all).not.toContain(password);
    }));
});
