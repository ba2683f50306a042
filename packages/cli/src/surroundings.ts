// What the environment tells the command.
import { HoldfastError } from "@holdfast/protocol";

type Environment = Readonly<Record<string, string | undefined>>;

/** What travels in a header as it is. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * The token, or undefined: set but empty is how scripts switch a variable off. The line break that files and editors leave at its end is no part of it.
 *
 * @throws HoldfastError `usage`, without the token in it
 */
export function tokenOf(env: Environment): string | undefined {
  const given = env["HOLDFAST_TOKEN"];
  if (!given) return undefined;
  const token = given.trim();
  if (TOKEN.test(token)) return token;
  const hint =
    "A token has visible ASCII characters only, without blanks; look for stray quotes or line breaks.";
  throw new HoldfastError("usage", "HOLDFAST_TOKEN holds no token", { hint });
}

/** How a person here calls this command: within npm scripts it is on the PATH, in the shell beside them it is not. */
export function commandName(env: Environment): string {
  return env["npm_lifecycle_event"] === undefined ? "holdfast" : "npx holdfast";
}
