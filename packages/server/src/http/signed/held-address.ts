// Where a signed request may be sent from, if whoever asked for it named an address. Only this server can hold somebody to that: no store looks at it.
import { isIP, SocketAddress } from "node:net";
import { HoldfastError } from "@holdfast/protocol";
import type { Request } from "../request.ts";
import { refused } from "./signature.ts";

/** The address as the server writes it. @throws HoldfastError `invalid_request` */
export function heldAddress(wanted: string, request: Request): string {
  const isMine = wanted === "mine";
  const address = exact(isMine ? (request.address() ?? "") : wanted);
  if (address !== undefined) return address;
  const why = isMine
    ? "where this request comes from is not known"
    : 'address must be an IP address, or "mine"';
  throw new HoldfastError("invalid_request", why, { field: "address" });
}

/** @throws HoldfastError `signature_refused` where the request comes from elsewhere, or nobody knows from where. */
export function requireAddress(request: Request, held: string | undefined): void {
  if (held === undefined || exact(request.address() ?? "") === held) return;
  throw refused("it was signed for another address");
}

/** One text for each address: one of IPv6 can be written in many ways. */
function exact(text: string): string | undefined {
  const kind = isIP(text);
  // A zone names an interface of one machine.
  if (kind === 0 || text.includes("%")) return undefined;
  const { address } = new SocketAddress({ address: text, family: kind === 6 ? "ipv6" : "ipv4" });
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
