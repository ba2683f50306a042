// A list of files as `upload` prints it: an address a line, after a tab the path it goes to.
import { HoldfastError } from "@holdfast/protocol";
import { parseFileAddress } from "./addresses.ts";

export interface Listed {
  readonly url: string;
  /** Relative, with `/`; not made safe yet. */
  readonly path: string | undefined;
}

/** Empty lines and such that begin with # are passed over. @throws HoldfastError `usage` naming the line */
export function parseList(text: string): readonly Listed[] {
  const listed: Listed[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [, url = "", path] = /^(\S+)(?:\t(.+))?$/.exec(line) ?? [];
    if (!/^https?:\/\//i.test(url)) {
      throw new HoldfastError(
        "usage",
        `line ${at + 1} of the list is no address: ${line.slice(0, 80)}`,
      );
    }
    listed.push({ url: parseFileAddress(url), path });
  }
  return listed;
}
