// One unfinished thing as a line for a person.

import type { Unfinished } from "@holdfast/client/node";
import { shownAddress } from "./addresses.ts";
import { formatDuration } from "./durations.ts";
import { formatSize } from "./sizes.ts";
import { printable } from "./terminal.ts";

const ID_LENGTH = 8;

export function idOf({ key }: { readonly key: string }): string {
  return key.slice(0, ID_LENGTH);
}

/** A command's words, of signed links without what signs them. */
export function shownWords(words: readonly string[]): readonly string[] {
  return words.map((word) => (/^https?:/i.test(word) ? shownAddress(word) : word));
}

/** Origins that going on would talk to. */
export function serversOf(one: Unfinished): readonly string[] {
  const addresses =
    one.kind === "command" ? one.servers : [one.kind === "upload" ? one.to : one.url];
  return addresses.map((address) => URL.parse(address)?.origin ?? address);
}

/** `3f2a91c0  upload    1.20 GiB  5 min 02 s ago  /home/me/disk.img -> http://...`; `now` in milliseconds since 1970. */
export function lineOf(one: Unfinished, now: number): string {
  const age = holderText(one) ?? `${formatDuration(Math.max(0, now - one.savedAt))} ago`;
  const [size, what] = describe(one);
  return `${idOf(one)}  ${one.kind.padEnd(8)}  ${size.padStart(8)}  ${age.padEnd(16)}  ${printable(what)}`;
}

/** `running (4711)`, or undefined where nobody is at it. */
export function holderText({ holder }: Unfinished): string | undefined {
  if (!holder) return undefined;
  return holder.pid === undefined ? "running" : `running (${holder.pid})`;
}

function describe(one: Unfinished): readonly [size: string, what: string] {
  switch (one.kind) {
    case "upload":
      return [formatSize(one.size), `${one.path} -> ${one.to}`];
    case "download":
      return [formatSize(one.size), `${shownAddress(one.url)} -> ${one.path}`];
    case "command":
      return ["", `holdfast ${shownWords(one.words).join(" ")} (in ${one.directory})`];
  }
}
