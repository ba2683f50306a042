// One server for a file of tests, and people with tokens of several rights, each of whom types commands as somebody who has only their own.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killServer, type ServerProcess, startServer } from "@holdfast/testkit/process";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { run, type Said } from "./cli.ts";

interface Rights {
  readonly scope: string;
  readonly tenant: string;
}

export interface People<Name extends string> {
  /** Where they type, and their files are. */
  home(): string;
  /** Where the server is. */
  base(): string;
  tokenOf(name: Name): string;
  /** The command line as one of them types it; without a token as "". */
  as(name: Name | "", words: readonly string[]): Promise<Said>;
}

export function servePeople<Name extends string>(
  rights: Readonly<Record<Name, Rights>>,
): People<Name> {
  let home = "";
  let server: ServerProcess | undefined;
  const tokens = new Map<string, string>();
  const base = () => server?.url ?? "";
  function as(name: Name | "", words: readonly string[]): Promise<Said> {
    const env = { HOLDFAST_TOKEN: tokens.get(name) ?? "", HOLDFAST_TO: base() };
    return run(home, words, { env });
  }
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "holdfast-people-"));
    const data = join(home, "data");
    server = await startServer({ data, port: 0, env: { HOLDFAST_TOKEN: "" } });
    for (const [name, { scope, tenant }] of Object.entries<Rights>(rights)) {
      const words = ["--name", name, "--scope", scope, "--tenant", tenant, "--data", data];
      tokens.set(name, (await run(home, ["token", "create", ...words])).stdout.trim());
    }
    // The running server sees them within a second.
    await vi.waitFor(async () => expect((await as("", ["ls"])).code).toBe(77), 10_000);
  });
  afterAll(async () => {
    if (server) await killServer(server);
    await rm(home, { recursive: true });
  });
  return { home: () => home, base, tokenOf: (name) => tokens.get(name) ?? "", as };
}
