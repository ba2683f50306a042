// Where an answer of any HTTP server leads on to: a few steps, never from TLS to the clear.
import { HoldfastError } from "@holdfast/protocol";
import type { TransportResponse } from "./ports.ts";

/** Who leads further than this leads nowhere. */
export const REDIRECTS_MAX = 10;

const LEADING_ON: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Undefined where the answer is the last one. @throws HoldfastError `wrong_address` where nothing can be asked there */
export function leadsTo(
  response: Pick<TransportResponse, "status" | "header">,
  from: string,
): string | undefined {
  if (!LEADING_ON.has(response.status)) return undefined;
  const location = response.header("location") ?? "";
  // An empty one would lead back to where it came from.
  const to = location === "" ? null : URL.parse(location, from);
  if (!to || (to.protocol !== "http:" && to.protocol !== "https:")) throw nowhere("nowhere");
  // A name and a password would go to whoever is named beside them.
  if (to.username || to.password) throw nowhere("to an address with a password in it");
  if (from.startsWith("https:") && to.protocol === "http:") {
    throw nowhere(`to ${to.origin}, in the clear`);
  }
  to.hash = "";
  return to.href;
}

export function leadsTooFar(): HoldfastError {
  return nowhere(`on, ${REDIRECTS_MAX} times over`);
}

function nowhere(where: string): HoldfastError {
  return new HoldfastError("wrong_address", `the server leads ${where}`);
}
