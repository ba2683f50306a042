// The token of a command: from the environment or from a file of its own, never from the command line and never shown.
import { readFile } from "node:fs/promises";
import { HoldfastError } from "@holdfast/protocol";
import type { Setting, Settings } from "./resolve.ts";
import { variableOf } from "./table.ts";

/** What travels in a header as it is. */
const TOKEN = /^[\x21-\x7e]+$/;

const STRAY =
  "A token has visible ASCII characters only, without blanks; look for stray quotes or line breaks.";

/**
 * The token, or undefined. Between the variable and the file, what is more particular counts: an option before the variable, the variable before the file's setting.
 *
 * @throws HoldfastError `usage`, without the token in it
 */
export async function readToken(
  settings: Settings,
  fileSetting: "token-file" | "serve.token-file",
): Promise<string | undefined> {
  const file = settings.of(fileSetting);
  const token = settings.of("token");
  if (file?.layer === "flag" || (file && !token)) return readTokenFile(file);
  return token && checkToken(String(token.value), `${variableOf("token")} holds no token`);
}

/** The line break that files and editors leave at its end is no part of it. */
function checkToken(given: string, problem: string): string {
  const token = given.trim();
  if (TOKEN.test(token)) return token;
  throw new HoldfastError("usage", problem, { hint: STRAY });
}

async function readTokenFile({ value, from }: Setting): Promise<string> {
  const path = String(value);
  try {
    return checkToken(await readFile(path, "utf8"), `${path} holds no token`);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const what = isMissing ? "there is no token file" : "cannot read the token file";
    throw new HoldfastError("usage", `${what} ${path}`, { hint: `${from} names it.` }, error);
  }
}
