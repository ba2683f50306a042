// The address of a file: plain, or a signed link that lets anybody read it for a while.
import { checkAddress } from "./auth.ts";

/**
 * The address as requests need it: the query of a signed link stays.
 *
 * @throws HoldfastError as `checkAddress`; the signature stands in no error
 */
export function checkFileAddress(address: string, hasToken: boolean): string {
  const [path = "", query] = address.split("?", 2);
  const isLink = query !== undefined && /(?:^|&)sig=/.test(query) && !address.includes("#");
  return isLink ? `${checkAddress(path, hasToken)}?${query}` : checkAddress(address, hasToken);
}

/** Where the file's manifest is. */
export function manifestAddress(url: string): string {
  return url.replace(/(\?.*)?$/, (query) => `/manifest${query}`);
}

/** The address without what signs it, which is a secret: to be shown, and to know the file by. */
export function plainAddress(url: string): string {
  return url.replace(/\?.*$/, "");
}

export function fileIdOf(url: string): string {
  const plain = plainAddress(url);
  return plain.slice(plain.lastIndexOf("/") + 1);
}
