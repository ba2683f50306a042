// Several files by one process of the command line, and what its lines said of each: what was committed once never becomes less.
import { type CommandEvent, startCli } from "@holdfast/testkit/process";
import type { Ended, Told } from "./kill-cluster.ts";
import type { Content } from "./source.ts";

export interface UploadWants {
  readonly way: "direct" | "server";
  /** The directory of its checkpoints. */
  readonly state: string;
  /** Of all of them together, in bytes a second. */
  readonly rate: number;
  readonly told: Told;
}

interface File {
  readonly path: string;
  readonly content: Content;
}

/** @throws where one of them does not get through */
export async function uploadTogether(
  url: string,
  files: readonly File[],
  { way, state, rate, told }: UploadWants,
): Promise<readonly Ended[]> {
  const env = { HOLDFAST_STATE_DIR: state, HOLDFAST_TOKEN: "" };
  const paths = files.map(({ path }) => path);
  const words = ["upload", ...paths, "--to", url, "--json", "--files", `${files.length}`];
  const command = startCli([...words, "--limit-rate", `${rate}`, "--transfer", way], { env });
  const { code, signal } = await command.exit;
  count(command.events, told);
  if (code !== 0) {
    const last = command.events.filter(({ name }) => name === "failed" || name === "error");
    const said = last.map(({ fields }) => JSON.stringify(Object.fromEntries(fields)));
    throw new Error(`${way} ended with ${code ?? signal}: ${said.join("\n")} ${command.stderr()}`);
  }
  return files.map(({ path, content }) => {
    const done = command.events.find(
      ({ name, fields }) => name === "complete" && isOf(fields.get("path"), path),
    );
    return { content, path: `/v1/files/${String(done?.fields.get("id"))}` };
  });
}

function isOf(label: unknown, path: string): boolean {
  return typeof label === "string" && path.endsWith(label.replace(/^.*\//, "/"));
}

function count(events: readonly CommandEvent[], told: Told): void {
  const known = new Map<unknown, number>();
  for (const { name, fields } of events) {
    if (name !== "progress") continue;
    const path = fields.get("path");
    const committed = Number(fields.get("committed"));
    const before = known.get(path) ?? 0;
    told.acks++;
    if (committed < before) told.lost++;
    known.set(path, committed);
  }
}
