// recover: at start-up, drives on what a crash interrupted; where several servers share the records, now and again what another one has left. Open uploads need nothing: their records are the truth.
import { isHoldfastError, type UploadId } from "@holdfast/protocol";
import { clearIfFree } from "./abort.ts";
import { type Context, doWork } from "./context.ts";
import { eraseFile } from "./delete.ts";
import { allDue } from "./due.ts";
import type { OnHeld } from "./host-take.ts";
import { needsProof } from "./prove.ts";
import { driveOn } from "./publish.ts";

/** Resolves when everything that was on its way to an end has got there. What fails is logged and tried again at the next start. `onHeld` hears of what another server is at. */
export async function recover(context: Context, onHeld?: OnHeld): Promise<void> {
  for await (const { id } of allDue(context.metadata, "completing")) {
    const driving = attempt(context, id, "complete", () => driveOn(context, id, onHeld));
    // To read a terabyte once more takes longer than a start may.
    if (!(await isLong(context, id))) await driving;
  }
  for await (const { id } of allDue(context.metadata, "uncleared")) {
    await attempt(context, id, "clear", () =>
      context.uploads.use(id, (upload) => clearIfFree(context, upload, onHeld)),
    );
  }
  for await (const { id, fileId } of allDue(context.metadata, "deleting")) {
    if (fileId) {
      await attempt(context, id, "erase", async () => {
        await eraseFile(context, fileId);
        return true;
      });
    }
  }
}

async function isLong(context: Context, id: UploadId): Promise<boolean> {
  const record = await context.metadata.upload(id);
  return record !== undefined && (needsProof({ record }) || record.role?.kind === "final");
}

async function attempt(
  context: Context,
  upload: string,
  step: string,
  task: () => Promise<boolean>,
): Promise<void> {
  if (context.isDraining) return;
  try {
    // A shutdown waits for it. What another server is at is not ours.
    if (await doWork(context, task)) context.log("info", "recover.done", { upload, step });
  } catch (cause) {
    // The next start goes on, or another server.
    if (isHoldfastError(cause) && cause.code === "shutting_down") return;
    context.log("error", "recover.failed", { upload, step, cause });
  }
}
