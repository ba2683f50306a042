// Removes a file from its server.
import { toHoldfastError } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import type { Trouble } from "./state.ts";

export interface DeleteFileOptions extends AskOptions {
  /** Absolute address of the file. */
  readonly url: string;
}

/**
 * Resolves when the file is gone from every address of the server. May be repeated: where the answer to an earlier try was lost, that the file
 * is not there any more is what was wanted.
 *
 * @throws HoldfastError `file_not_found` where the first try already found none; `unauthorized`, `forbidden`
 */
export async function deleteFile(options: DeleteFileOptions, ports: AskPorts): Promise<void> {
  const url = checkAddress(options.url, options.token !== undefined);
  let isRepeated = false;
  const onTrouble = (trouble: Trouble) => {
    isRepeated = true;
    options.onTrouble?.(trouble);
  };
  try {
    await ask(
      { method: "DELETE", url },
      (answer) => answer.text(),
      { ...options, onTrouble },
      ports,
    );
  } catch (error) {
    if (!isRepeated || toHoldfastError(error).code !== "file_not_found") throw error;
  }
}
