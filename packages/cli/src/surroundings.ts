// What the environment tells the command.
import { HoldfastError } from "@holdfast/protocol";

type Environment = Readonly<Record<string, string | undefined>>;

/** Keys to sign with that are kept elsewhere, or undefined. @throws HoldfastError `usage` where there is only an old one. */
export function keysOf(
  env: Environment,
): { readonly current: string; readonly previous: string | undefined } | undefined {
  const current = env["HOLDFAST_KEY"] || undefined;
  const previous = env["HOLDFAST_KEY_PREVIOUS"] || undefined;
  if (current !== undefined) return { current, previous };
  if (previous === undefined) return undefined;
  throw new HoldfastError("usage", "HOLDFAST_KEY_PREVIOUS needs HOLDFAST_KEY beside it");
}

/** How a person here calls this command: within npm scripts it is on the PATH, in the shell beside them it is not. */
export function commandName(env: Environment): string {
  return env["npm_lifecycle_event"] === undefined ? "holdfast" : "npx holdfast";
}
