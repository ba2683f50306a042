// Addresses as people give them: what must not be in one is refused before anything prints or sends it.
import { HoldfastError } from "@holdfast/protocol";

const NO_CREDENTIALS = "Put the token into HOLDFAST_TOKEN: addresses end up in logs and histories.";

/**
 * The address of a file, as it was given. Whether it is one at all, the transfer finds out.
 *
 * @throws HoldfastError `usage`, without the credentials in it
 */
export function parseFileAddress(address: string): string {
  const url = URL.parse(address);
  if (!url?.username && !url?.password) return address;
  throw new HoldfastError("usage", "the address has a name or a password in it", {
    hint: NO_CREDENTIALS,
  });
}

/** The address without the query that makes it a signed link: what signs it is a secret, and stands in nothing that is printed. */
export function shownAddress(address: string): string {
  return address.replace(/\?.*$/s, "");
}

/**
 * The address of a server: it has no query and no fragment either, which no request could carry on.
 *
 * @throws HoldfastError `usage`
 */
export function parseServerAddress(address: string): string {
  if (!/[?#]/.test(parseFileAddress(address))) return address;
  const hint = "Give the address that serve prints, without anything from ? or # on.";
  throw new HoldfastError("usage", "the server's address has a query or a fragment", { hint });
}

/** As `parseServerAddress`, where it is to be said at once, with the place where the address stands. @throws HoldfastError `usage` */
export function parseHttpAddress(text: string): string {
  const address = parseServerAddress(text);
  if (/^https?:\/\//i.test(address)) return address;
  const shown = address.includes("@") ? "" : `: ${address}`;
  throw new HoldfastError("usage", `not an http or https address${shown}`, {
    hint: "It begins with https:// or http://, as in http://127.0.0.1:8420.",
  });
}
