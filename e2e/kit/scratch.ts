// A directory for one test, removed when it ends, however it ends, after whatever it has started and still runs. Others may have theirs at the same time.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killingAfter } from "@holdfast/testkit/process";

export async function withScratch<Result>(
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
  try {
    return await killingAfter(() => work(directory));
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
