// Standard input and standard output as ends of a transfer.
import { once } from "node:events";
import { HoldfastError } from "@holdfast/protocol";

/** Why a pipe is not like a file, for whoever stops one. */
export const STREAM_HINT =
  "What comes through a pipe cannot be read again: run the whole pipeline again, or send a file instead, which goes on where it stopped.";

/** @throws HoldfastError `usage` where somebody would have to type it */
export function standardInput(): AsyncIterable<unknown> {
  if (!process.stdin.isTTY) return process.stdin;
  const hint =
    "Pipe something into it, such as: tar c photos | holdfast upload - --name photos.tar";
  throw new HoldfastError("usage", "standard input is a terminal", { hint });
}

/** @throws HoldfastError `usage` where the bytes would go to a terminal, or beside lines of JSON */
export function requirePipe({ json }: { readonly json?: true }): void {
  if (json)
    throw new HoldfastError("usage", "--json and the file cannot both go to standard output");
  if (!process.stdout.isTTY) return;
  const hint = "Send it on with | or >, or name a file with -o.";
  throw new HoldfastError("usage", "standard output is a terminal", { hint });
}

/** Resolves when there is room for more. That nobody reads any more ends the process, quietly, elsewhere. */
export async function writeStandardOutput(bytes: Uint8Array): Promise<void> {
  if (process.stdout.write(bytes)) return;
  await once(process.stdout, "drain");
}
