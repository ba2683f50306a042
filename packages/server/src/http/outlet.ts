// The connection of a reply as the kernel knows it, for bytes that it sends by itself.
import type { ServerResponse } from "node:http";
import type { Outlet } from "@holdfast/engine";

export interface CountedOutlet extends Outlet {
  /** Bytes that it took so far. */
  taken(): number;
}

/** Of a connection in the clear whose replies nobody else has a hand in. */
export function outletOf(res: ServerResponse): CountedOutlet {
  let taken = 0;
  return {
    descriptor() {
      const { socket } = res;
      // What Node still has to send comes first.
      if (!socket || socket.destroyed || res.destroyed || res.writableLength > 0) return undefined;
      // Node has no public name for it; where it has another some day, bytes go through memory again.
      const handle: unknown = Reflect.get(socket, "_handle");
      if (typeof handle !== "object" || handle === null) return undefined;
      if (Reflect.get(handle, "writeQueueSize") !== 0) return undefined;
      const fd: unknown = Reflect.get(handle, "fd");
      return typeof fd === "number" && fd >= 0 ? fd : undefined;
    },
    took(count) {
      taken += count;
    },
    taken: () => taken,
  };
}
