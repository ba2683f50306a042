// Holdfast itself for the suite: the command as its users start it, with pages of any origin let in.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCli, textOf } from "@holdfast/testkit/process";

export interface Ours {
  /** Where uploads are created, by the name of the suite. */
  readonly urls: Readonly<Record<"tus" | "rufh", string>>;
  stop(): Promise<void>;
}

/** `words` and `env` say where the bytes go; on the disk without them. */
export async function startOurs(
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ours> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-conformance-"));
  const place = ["--data", join(directory, "data"), "--port", "0", "--json"];
  const origins = ["--origins", "https://page.example"];
  const command = startCli(["serve", ...place, ...origins, ...words], { env });
  const url = textOf(await command.event("listening"), "url").replace(/\/$/, "");
  return {
    urls: { tus: `${url}/tus`, rufh: `${url}/v1/files` },
    async stop() {
      command.kill("SIGKILL");
      await command.exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
