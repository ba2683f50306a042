// The main job by the command line: one upload or one download as a process, and what it said at its end.
import {
  type Command,
  type CommandEvent,
  type CommandOptions,
  numberOf,
  startCli,
  textOf,
} from "@holdfast/testkit/process";

export interface Uploaded {
  readonly id: string;
  readonly url: string;
  readonly size: number;
  readonly root: string;
  readonly bytesSent: number;
  readonly bytesCommitted: number;
  readonly command: Command;
}

export function startUpload(
  path: string,
  to: string,
  state: string,
  more: readonly string[] = [],
  options: CommandOptions = {},
): Command {
  const env = { ...options.env, HOLDFAST_STATE_DIR: state };
  return startCli(["upload", path, "--to", to, "--json", ...more], { ...options, env });
}

export function startDownload(url: string, path: string, state: string): Command {
  return startCli(["download", url, "-o", path, "--json"], {
    env: { HOLDFAST_STATE_DIR: state },
  });
}

/** The last event of a command that should have ended well. */
export async function completion(command: Command): Promise<CommandEvent> {
  const { code, signal } = await command.exit;
  const last = command.events.at(-1);
  if (code !== 0 || last?.name !== "complete" || command.strayLines.length > 0) {
    const said = [JSON.stringify(last && Object.fromEntries(last.fields)), ...command.strayLines];
    throw new Error(`ended with ${code ?? signal}: ${said.join("\n")}\n${command.stderr()}`);
  }
  return last;
}

export async function uploaded(command: Command): Promise<Uploaded> {
  const event = await completion(command);
  return {
    id: textOf(event, "id"),
    url: textOf(event, "url"),
    size: numberOf(event, "size"),
    root: textOf(event, "root"),
    bytesSent: numberOf(event, "bytesSent"),
    bytesCommitted: numberOf(event, "bytesCommitted"),
    command,
  };
}
