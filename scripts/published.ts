// Tries the packages as a stranger gets them: installed where nothing of this repository is, and put to work.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { installBuilt, run } from "./install-built.ts";
import { ROOT } from "./steps.ts";

/** Up and down again with the installed command. */
async function roundTrip(place: string, command: string): Promise<void> {
  const holdfast = (...args: readonly string[]): string =>
    run(process.execPath, [command, ...args], place).trim();
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  if (holdfast("--version") !== version) throw new Error("--version says another version");
  const sent = randomBytes(3_000_000);
  await writeFile(join(place, "sent"), sent);
  const words = ["serve", "--json", "--port", "0", "--data", join(place, "data")];
  const server = spawn(process.execPath, [command, ...words], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const [line] = await once(createInterface({ input: server.stdout }), "line");
    const { url } = JSON.parse(String(line));
    const file = holdfast("upload", "sent", "--to", url);
    holdfast("download", file, "-o", "received");
    // What is loaded only when it is asked for must be there as well.
    holdfast("verify", "received", file);
    holdfast("share", file, "--qr");
    holdfast("config", "show", "--origin");
    refusesStorage(place, command);
  } finally {
    server.kill("SIGKILL");
  }
  if (!sent.equals(await readFile(join(place, "received"))))
    throw new Error("other bytes came back");
}

/** Its driver is an optional peer, and not there: the command says how to get it. */
function refusesStorage(place: string, command: string): void {
  const words = [command, "doctor", "--storage", "s3://files"];
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: place, encoding: "utf8" });
  if (status === 7 && stderr.includes("npm install @aws-sdk/client-s3")) return;
  throw new Error(`without the AWS SDK the doctor ended with ${status}:\n${stderr}`);
}

const place = await mkdtemp(join(tmpdir(), "holdfast-published-"));
try {
  await roundTrip(place, await installBuilt(place));
  console.log("the packed packages serve, upload, download, verify and share");
} finally {
  await rm(place, { recursive: true });
}
