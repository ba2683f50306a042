// put-run: stores consecutive parts. From here a part goes on to receive (its bytes) and commit (its record).
import { HoldfastError, requireInGrid, runSize } from "@holdfast/protocol";
import { claimRun } from "./claims.ts";
import { createCommitter } from "./commit.ts";
import { type Context, doWork } from "./context.ts";
import type { PutRun, RunCommitted } from "./engine.ts";
import { receiveRun } from "./receive.ts";
import { receiveParts } from "./receive-parts.ts";
import type { Principal } from "./records.ts";
import { writeUpload } from "./rights.ts";
import { fixSize } from "./size.ts";
import { committedCount, offsetOf, type Upload } from "./upload.ts";
import { createWriter } from "./writer.ts";

/** Whole parts before a fault are committed all the same: a cut costs the part that was not whole. */
export function putRun(
  context: Context,
  principal: Principal,
  command: PutRun,
): Promise<RunCommitted> {
  return doWork(context, () =>
    writeUpload(context, principal, command, async (upload) => {
      requireEpoch(upload, command);
      const { limits = {} } = principal;
      const { size, transfer } = command;
      await fixSize(context, upload, { size, limits, transfer });
      requireFit(upload, command);
      const digests = digestsOf(upload, command);
      const claim = await claimRun(context, upload, { ...command, digests });
      if (!claim) return answerOf(upload, command);
      const writer = createWriter(context, upload);
      const committer = createCommitter(context, upload, limits);
      try {
        // Meanwhile another request may have fixed the size.
        requireFit(upload, command);
        const run = { ...command, digests, claim, writer, committer };
        if (context.storage.kind === "parts") await receiveParts(context, upload, run);
        else await receiveRun(context, upload, run);
      } finally {
        // Nothing issued under the claim may be on its way when it ends.
        await writer.settle();
        await committer.settle();
        claim.end();
      }
      committer.requireCommitted();
      return answerOf(upload, command);
    }),
  );
}

/** @throws HoldfastError `invalid_digest` where there are none of the upload's own algorithm. */
function digestsOf({ record }: Upload, { digests }: PutRun): readonly Uint8Array[] {
  const own = digests.get(record.algorithm);
  if (own) return own;
  const { algorithm } = record;
  const message = `the digests of this upload are ${algorithm}`;
  throw new HoldfastError("invalid_digest", message, { algorithm });
}

function answerOf(upload: Upload, { run }: PutRun): RunCommitted {
  return { run, committed: committedCount(upload), offset: offsetOf(upload) };
}

/** A signed request ends with the epoch: what it was signed for has been taken back since. */
function requireEpoch({ record }: Upload, { epoch }: PutRun): void {
  if (epoch === undefined || epoch === record.epoch) return;
  throw new HoldfastError("signature_refused", "what this address was signed for was taken back");
}

function requireFit(upload: Upload, { run, bodySize }: PutRun): void {
  const { record } = upload;
  requireInGrid(record, run);
  if (!record.hasSize && run[1] * record.partSize > record.size) {
    const text = "a part may be short only once the size is known: send Upload-Length";
    throw new HoldfastError("size_mismatch", text);
  }
  const expected = runSize(record, ...run);
  if (bodySize !== undefined && bodySize !== expected) {
    throw new HoldfastError(
      "body_size_mismatch",
      `these parts have ${expected} bytes, the body ${bodySize}`,
      { expected, received: bodySize },
    );
  }
}
