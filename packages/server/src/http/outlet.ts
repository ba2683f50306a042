// The connection of a reply as the kernel knows it, for bytes that it sends by itself.
import type { ServerResponse } from "node:http";
import type { Outlet } from "@holdfast/engine";
import { createChunks } from "./chunks.ts";
import type { PieceSink } from "./writer.ts";

export interface CountedOutlet extends Outlet {
  /** Bytes that it took so far. */
  taken(): number;
  /** Writes a piece behind what went past the pieces. */
  readonly write: PieceSink["write"];
  /** Ends what was begun; false where bytes of it have not come. */
  end(): boolean;
}

/** Of a connection in the clear whose replies nobody else has a hand in. */
export function outletOf(res: ServerResponse): CountedOutlet {
  let taken = 0;
  const chunks = createChunks();
  return {
    begin(size) {
      const descriptor = descriptorOf(res);
      if (typeof descriptor !== "number") return descriptor;
      const most = res.chunkedEncoding ? chunks.begin(descriptor, size) : size;
      return most > 0 ? { descriptor, most } : undefined;
    },
    took(count) {
      taken += count;
      if (res.chunkedEncoding) chunks.took(count);
    },
    taken: () => taken,
    write(piece, onTaken) {
      const { socket } = res;
      if (!socket || chunks.isClear()) return res.write(piece, onTaken);
      const { lead, owed, end } = chunks.around(piece.length);
      socket.cork();
      socket.write(lead);
      socket.write(piece.subarray(0, owed));
      socket.write(end);
      const isTaken = res.write(piece.subarray(owed), onTaken);
      socket.uncork();
      return isTaken;
    },
    end() {
      const { lead, owed } = chunks.around(1);
      if (lead.length > 0) res.socket?.write(lead);
      return owed === 0;
    },
  };
}

function descriptorOf(res: ServerResponse): number | "none" | undefined {
  const { socket } = res;
  // What Node still has to send comes first.
  if (!socket || socket.destroyed || res.destroyed || res.writableLength > 0) return undefined;
  // Node has no public name for it; where it has another some day, bytes go through memory again.
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) return "none";
  const queued: unknown = Reflect.get(handle, "writeQueueSize");
  const fd: unknown = Reflect.get(handle, "fd");
  if (typeof queued !== "number" || typeof fd !== "number") return "none";
  return queued === 0 && fd >= 0 ? fd : undefined;
}
