// append: bytes at the upload's offset, digested and made durable as they come. From here they go on to receive-append and commit-append.
import { equalBytes, HoldfastError, partOffset } from "@holdfast/protocol";
import { createStage } from "./append-stage.ts";
import { claimAppend } from "./claims.ts";
import { type Context, doWork } from "./context.ts";
import type { Append, ToldOffset } from "./engine.ts";
import { underClaim, whileOpen } from "./host-claim.ts";
import { tellOffset } from "./offset.ts";
import { driveAWhile } from "./publish.ts";
import { type AppendStage, receiveAppend } from "./receive-append.ts";
import { receiveAppendParts } from "./receive-append-parts.ts";
import type { Limits, Principal } from "./records.ts";
import { leavePart, resumePart } from "./resume-part.ts";
import { writeUpload } from "./rights.ts";
import { beyond, fixSize, isWhole, requireSize } from "./size.ts";
import { beginPart, type FillingPart } from "./tail.ts";
import type { Upload } from "./upload.ts";

/**
 * Appends bytes at the upload's offset and tells where it ends then.
 *
 * The offset counts only bytes that survive a power cut: storage has flushed them, then the record that names them was committed.
 * In the other order a client could resume past bytes that no longer exist.
 */
export function append(
  context: Context,
  principal: Principal,
  command: Append,
): Promise<ToldOffset> {
  return doWork(context, () =>
    writeUpload(context, principal, command, async (upload) => {
      const { at } = command;
      requireWritable(upload);
      // All bytes that come again are compared with those of the file, which is about to be there.
      if (at === "start" && upload.record.state === "completing")
        await driveAWhile(context, upload);
      const { limits = {} } = principal;
      await underClaim(context, upload, whileOpen, () =>
        appendBody(context, upload, command, limits),
      );
      if (command.isLast || (command.completes && isWhole(upload))) {
        // The body may have taken hours; what it brought stays, for somebody who may.
        await context.policy.decide(principal, "write", upload.record);
        await driveAWhile(context, upload);
      }
      return tellOffset(context, upload);
    }),
  );
}

/** Resolves when all bytes of the body are committed, or there is nothing in it that is not. */
async function appendBody(
  context: Context,
  upload: Upload,
  command: Append,
  limits: Limits,
): Promise<void> {
  const claim = await claimAppend(context, upload, command);
  if (!claim) return;
  const stage = createStage(context, upload, command, { limits, claim });
  if (command.onCommitted) upload.onAppended = command.onCommitted;
  try {
    requireOwnFit(upload, command);
    const { size, transfer } = command;
    await fixSize(context, upload, { size, limits, claim, transfer });
    requireFit(upload, command);
    const first = await beginAt(context, upload, command);
    // A part whose bytes met a fault on their way is not left to the next append.
    if (stage.kind === "parts") {
      stage.part = await receiveAppendParts(context, upload, stage, first);
    } else stage.part = await receiveAppend(context, upload, stage, first);
    await endAppend(upload, command, stage);
  } finally {
    await stage.settle();
    leavePart(upload, stage.part);
    delete upload.onAppended;
    claim.end();
  }
  stage.requireCommitted();
}

/** @throws HoldfastError `upload_not_open` for a final: its bytes are those of its partials. */
function requireWritable({ record: { role, state } }: Upload): void {
  if (role?.kind !== "final") return;
  const message = "a final of a concatenation takes no bytes but its partials'";
  throw new HoldfastError("upload_not_open", message, { state, role: role.kind });
}

/** The part in which the body begins. */
function beginAt(context: Context, upload: Upload, { at }: Append): Promise<FillingPart> {
  if (at === "start") return Promise.resolve(beginPart(context, upload, 0));
  return resumePart(context, upload);
}

/** No size is fixed by a request that has more bytes than that. */
function requireOwnFit({ record }: Upload, { at, size, bodySize = 0 }: Append): void {
  if (size === undefined || at === "start" || record.hasSize) return;
  if (at > size || at + bodySize <= size) return;
  throw new HoldfastError("size_mismatch", `the body ends behind its ${size} bytes`, { size });
}

/** What can be told before the first byte is read. */
function requireFit({ record }: Upload, { at, isLast, bodySize }: Append): void {
  if (bodySize === undefined) return;
  const end = (at === "start" ? 0 : at) + bodySize;
  if (end > record.size || (isLast && record.hasSize && end !== record.size)) throw beyond(record);
}

/** The body has come to its end, or been brought to it. */
async function endAppend(upload: Upload, command: Append, stage: AppendStage): Promise<void> {
  const { body, isLast, digest = command.sha256 } = command;
  const { part, sum, check } = stage;
  if (await body.ready()) throw exceeded(upload);
  const why = body.stopped();
  if (why) throw why;
  requireDigest(sum?.digest(), digest);
  check?.requireRight();
  if (!isLast || !part) return stage.commit();
  const { record } = upload;
  const end = Math.min(record.size, partOffset(record, part.index) + part.size);
  requireSize(upload, end);
  await stage.finish(part, record.hasSize ? undefined : end);
}

/** More bytes have come than there can be: whatever said so before. */
function exceeded({ record }: Upload): HoldfastError {
  const { code, message, details } = beyond(record);
  return new HoldfastError(code, message, { ...details, isExceeded: true });
}

/** @throws HoldfastError `digest_mismatch` where both are known and differ. */
export function requireDigest(
  actual: Uint8Array | undefined,
  expected: Uint8Array | undefined,
): void {
  if (!actual || !expected || equalBytes(actual, expected)) return;
  throw new HoldfastError("digest_mismatch", "the body has another digest");
}
