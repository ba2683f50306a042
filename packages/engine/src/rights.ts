// The rights of a request that brings bytes: asked when it begins, and again for as long as it takes.
import { isHoldfastError } from "@holdfast/protocol";
import { type Context, useUpload } from "./context.ts";
import type { Body } from "./ports.ts";
import type { Principal, UploadRecord } from "./records.ts";
import type { Upload } from "./upload.ts";

/** A body may come for hours; rights that end meanwhile end it within this time. */
export const RIGHTS_MS = 5000;

/**
 * Runs `work` with an upload that the principal may write to. Once it may not any more the body ends as one whose sender was cut off: what came whole is
 * committed, and the request is answered with what the policy says.
 *
 * @throws HoldfastError `upload_not_found`, or what the policy throws.
 */
export function writeUpload<T>(
  context: Context,
  principal: Principal,
  { id, body }: { readonly id: string; readonly body: Body },
  work: (upload: Upload) => Promise<T>,
): Promise<T> {
  return useUpload(context, principal, "write", id, async (upload) => {
    const callOff = keepAsking(context, principal, upload.record, body);
    try {
      return await work(upload);
    } finally {
      callOff();
    }
  });
}

function keepAsking(
  context: Context,
  principal: Principal,
  record: UploadRecord,
  body: Body,
): () => void {
  let isOver = false;
  let callOff = context.clock.after(RIGHTS_MS, ask);
  function ask(): void {
    context.policy
      .decide(principal, "write", record)
      .catch((error: unknown) => {
        // Where rights cannot be known now, those that were there when it began stand: the next request asks again.
        if (isHoldfastError(error) && isRefusal(error.code)) body.stop(error);
      })
      .finally(() => {
        if (!isOver) callOff = context.clock.after(RIGHTS_MS, ask);
      });
  }
  return () => {
    isOver = true;
    callOff();
  };
}

function isRefusal(code: string): boolean {
  return code === "unauthorized" || code === "forbidden";
}
