// What the environment tells the command.

type Environment = Readonly<Record<string, string | undefined>>;

/** The token, or undefined: set but empty is how scripts switch a variable off. */
export function tokenOf(env: Environment): string | undefined {
  return env["HOLDFAST_TOKEN"] || undefined;
}

/** How a person here calls this command: within npm scripts it is on the PATH, in the shell beside them it is not. */
export function commandName(env: Environment): string {
  return env["npm_lifecycle_event"] === undefined ? "holdfast" : "npx holdfast";
}
