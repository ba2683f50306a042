// A directory for one test, removed when it ends, however it ends, after whatever still runs in it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAll } from "@holdfast/testkit/process";

export async function withScratch<Result>(
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
  try {
    return await work(directory);
  } finally {
    killAll();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
