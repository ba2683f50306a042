// What the commands that ask a server have in common: who they ask, as whom, and for how long.
import type { AskOptions } from "@holdfast/client";
import type { Client } from "@holdfast/client/node";
import type { Settings } from "./settings/resolve.ts";
import { readToken } from "./settings/token.ts";
import { printable } from "./terminal.ts";

export const ASK_SETTINGS = ["to", "token-file", "give-up"] as const;

/** What the options of such a command say that is not what a transfer means by them. */
export const ASK_WORDS = {
  "give-up": "end after this long without an answer (default: 10s)",
} as const;

/** Whoever asks waits for the answer: much less than a transfer does. */
const GIVE_UP_MS = 10_000;

export interface Asking {
  readonly client: Client;
  readonly options: Required<Pick<AskOptions, "giveUpMs" | "onTrouble">> &
    Pick<AskOptions, "token">;
}

/** Without a transfer that would tell of it, a person is told on standard error, once. */
export function tellDamage(client: Client): () => void {
  return client.onDamage((detail) => {
    process.stderr.write(`note: ${printable(detail)} (checkpoint_damaged)\n`);
  });
}

/** Runs `work` with a client, which is closed when it ends. */
export async function withClient<T>(
  settings: Settings,
  work: (asking: Asking) => Promise<T>,
): Promise<T> {
  const { createClient } = await import("@holdfast/client/node");
  const token = await readToken(settings, "token-file");
  const stateDir = settings.text("state-dir");
  const client = createClient(stateDir === undefined ? {} : { stateDir });
  tellDamage(client);
  const isDefault = settings.of("give-up")?.layer === "default";
  const giveUpMs = isDefault ? GIVE_UP_MS : (settings.number("give-up") ?? GIVE_UP_MS);
  let told = "";
  const options = {
    giveUpMs,
    ...(token === undefined ? {} : { token }),
    onTrouble({ code, detail }: { readonly code: string; readonly detail: string }) {
      // The same trouble again is no news.
      if (code !== told && process.stderr.isTTY) {
        process.stderr.write(`waiting: ${printable(detail)} (${code})\n`);
      }
      told = code;
    },
  };
  try {
    return await work({ client, options });
  } finally {
    client.close();
  }
}
