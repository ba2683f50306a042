// Ports of 127.0.0.1 for what cannot choose one by itself.
import { mkdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Above the last port that `fetch` refuses to speak to (10080), below those that the system gives to outgoing connections. */
const FIRST = 10_081;
const COUNT = 20_000;
/** Whoever was given a port listens on it by then, or never will. */
const TAKEN_FOR_MS = 120_000;
/** Where a port that was given to somebody is noted: a program that is slow to start must not lose it to another test. */
const NOTES: string = fileURLToPath(
  new URL("../../../node_modules/.cache/holdfast-ports", import.meta.url),
);

/** A port that is free now, that nobody else was just given, and that the system gives to no outgoing connection while a server is away. */
export async function freePort(): Promise<number> {
  await mkdir(NOTES, { recursive: true });
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if ((await take(join(NOTES, `${port}`))) && (await canListen(port))) return port;
  }
}

/** Whether the note is ours. An old one is given again: who finds it so writes it anew. */
async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid}`, { flag: "wx" });
    return true;
  } catch {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < TAKEN_FOR_MS) return false;
    await writeFile(path, `${process.pid}`);
    return true;
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
