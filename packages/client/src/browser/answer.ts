// What became of a request that a browser sent, as the core wants to hear it.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { TransportResponse } from "../ports.ts";

/** Our own reason for ending it comes first. Browsers tell no others, not even whether anybody was there. */
export function failureOf(signal: AbortSignal, error?: unknown): Error {
  if (signal.aborted) {
    return signal.reason instanceof Error ? signal.reason : new HoldfastError("aborted");
  }
  if (isHoldfastError(error)) return error;
  const why = "the server cannot be reached from this page";
  return new HoldfastError("connection_failed", why, {}, error);
}

/** An answer that is in memory. */
export function memoryResponse(
  status: number,
  header: TransportResponse["header"],
  bytes: Uint8Array,
): TransportResponse {
  return {
    status,
    header,
    async read(take) {
      if (bytes.length > 0) await take(bytes);
    },
  };
}

/** Browsers hide where a redirect leads; that there was one is enough, since nothing of ours follows any. */
export function redirectResponse(location: string): TransportResponse {
  const header = (name: string) => (name === "location" ? location : undefined);
  return memoryResponse(307, header, new Uint8Array());
}
