// What it means that a browser does not write a file.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";

/** @throws HoldfastError `sink_full`, `sink_denied`, `sink_failed`; ours stand as they are */
export function sinkError(error: unknown): never {
  if (isHoldfastError(error)) throw error;
  const { name, message } = error instanceof Error ? error : { name: "unknown", message: "" };
  const details = { cause: name };
  switch (name) {
    case "QuotaExceededError":
      throw noRoom(error);
    case "NotAllowedError":
    case "SecurityError":
      throw new HoldfastError("sink_denied", `nobody allowed it: ${message}`, details, error);
    case "NoModificationAllowedError": {
      const why = "something else has the file open";
      throw new HoldfastError("sink_failed", why, details, error);
    }
    default:
      throw new HoldfastError("sink_failed", message, details, error);
  }
}

export function noRoom(cause?: unknown): HoldfastError {
  const why = "the browser has no more room for this site, or the disk is full";
  return new HoldfastError("sink_full", why, {}, cause);
}
