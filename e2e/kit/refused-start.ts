// A server that does not start: what it says, and how it ends.
import { startCli, textOf } from "@holdfast/testkit/process";
import type { Environment } from "./bucket.ts";

export interface RefusedStart {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: number | null;
  /** Everything that was printed. */
  readonly said: string;
}

/** `more` are further words of its command line. */
export async function refusedStart(
  data: string,
  env: Environment = {},
  more: readonly string[] = [],
): Promise<RefusedStart> {
  const command = startCli(["serve", "--json", "--port", "0", "--data", data, ...more], { env });
  const error = await command.event("error");
  const { code: exitCode } = await command.exit;
  const said = command.stderr() + command.events.map(({ fields }) => JSON.stringify([...fields]));
  return {
    code: textOf(error, "code"),
    message: textOf(error, "message"),
    hint: textOf(error, "hint"),
    exitCode,
    said,
  };
}
