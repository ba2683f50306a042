// The command line run to its end: what it printed where, and its exit code.
import { type CommandEvent, type CommandOptions, startCli } from "@holdfast/testkit/process";

export interface Said {
  readonly code: number | null;
  /** Lines of standard output that are no JSON events. */
  readonly stdout: string;
  readonly stderr: string;
  readonly events: readonly CommandEvent[];
}

/** Without a token, a configuration or a checkpoint of whoever runs the tests: `home` is where all of that is looked for. */
export async function run(
  home: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Said> {
  const own = { HOLDFAST_STATE_DIR: home, HOLDFAST_TOKEN: "", XDG_CONFIG_HOME: home };
  const command = startCli(args, { cwd: home, ...options, env: { ...own, ...options.env } });
  const { code } = await command.exit;
  const { strayLines, events } = command;
  return { code, stdout: strayLines.join("\n"), stderr: command.stderr(), events };
}

/** The fields of the only event of a name. */
export function eventOf({ events, stderr }: Said, name: string): ReadonlyMap<string, unknown> {
  const found = events.filter((event) => event.name === name);
  const [first] = found;
  if (first && found.length === 1) return first.fields;
  throw new Error(`${found.length} events ${name}: ${stderr}`);
}
