// What the environment tells the command.
type Environment = Readonly<Record<string, string | undefined>>;

/** How a person here calls this command: within npm scripts it is on the PATH, in the shell beside them it is not. */
export function commandName(env: Environment): string {
  return env["npm_lifecycle_event"] === undefined ? "holdfast" : "npx holdfast";
}
