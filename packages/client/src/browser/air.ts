// For tests: a BroadcastChannel as tabs have it: what one of them posts comes to all others, at once. Node's own fails with files once somebody has left.

import type { Wire } from "./tab-channel.ts";

/** The returned function opens one more end of it. */
export function createAir<Message>(): () => Wire<Message> {
  const wires = new Set<Wire<Message>>();
  return () => {
    const wire: Wire<Message> = {
      onmessage: null,
      postMessage(data) {
        if (!wires.has(wire)) throw new DOMException("it is closed", "InvalidStateError");
        for (const one of wires)
          if (one !== wire) one.onmessage?.(new MessageEvent("message", { data }));
      },
      close: () => wires.delete(wire),
    };
    wires.add(wire);
    return wire;
  };
}
