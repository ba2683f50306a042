// What React Native's own engine does not have everywhere, and what brings it.
import { HoldfastError } from "@holdfast/protocol";

interface Need {
  readonly name: string;
  /** A module that has it. */
  readonly from: string;
  readonly isThere: () => boolean;
}

const PROBE = "http://a.example:1/b?c=d";

const NEEDS: readonly Need[] = [
  {
    name: "URL",
    from: "react-native-url-polyfill/auto",
    isThere: () => {
      const { origin, pathname, href } = new URL(PROBE);
      const isRight = `${origin}${pathname}?c=d` === PROBE && href === PROBE;
      return isRight && new URLSearchParams("c=d").get("c") === "d";
    },
  },
  {
    name: "AbortSignal.reason",
    from: "abortcontroller-polyfill",
    isThere: () => {
      const stop = new AbortController();
      const why = new Error("why");
      stop.abort(why);
      return stop.signal.reason === why && typeof stop.signal.throwIfAborted === "function";
    },
  },
  {
    name: "Promise.withResolvers",
    from: "core-js/actual/promise/with-resolvers",
    isThere: () => typeof Promise.withResolvers === "function",
  },
  {
    name: "Array.prototype.toSorted",
    from: "core-js/actual/array/to-sorted",
    isThere: () => typeof Array.prototype.toSorted === "function",
  },
  {
    name: "TextDecoder",
    from: "text-encoding-polyfill",
    // Piece by piece, which some of them refuse.
    isThere: () => {
      const [first, second] = [...new TextEncoder().encode("ä")].map((one) => Uint8Array.of(one));
      const decoder = new TextDecoder();
      return decoder.decode(first, { stream: true }) + decoder.decode(second) === "ä";
    },
  },
  {
    name: "queueMicrotask",
    from: "core-js/actual/queue-microtask",
    isThere: () => typeof queueMicrotask === "function",
  },
  {
    name: "XMLHttpRequest",
    from: "React Native itself",
    isThere: () => "XMLHttpRequest" in globalThis,
  },
];

/** @throws HoldfastError `usage`, which names everything that is missing and what brings it */
export function requireSurroundings(): void {
  const missing = NEEDS.filter(({ isThere }) => !holds(isThere));
  if (missing.length === 0) return;
  const list = missing.map(({ name, from }) => `${name} (from ${from})`).join(", ");
  throw new HoldfastError("usage", `this engine lacks ${list}: import it before the client`);
}

function holds(isThere: () => boolean): boolean {
  try {
    return isThere();
  } catch {
    return false;
  }
}
