// The address of a file: of ours, plain or a signed link that lets anybody read it for a while; or of any HTTP server.
import { isFileId } from "@holdfast/protocol";
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

/** Whether an address looks like that of a file of ours: then nothing else is believed to be one. */
export function isFileAddress(url: string): boolean {
  const plain = plainAddress(url).replace(/\/+$/, "");
  return plain.includes("/v1/files/") && isFileId(fileIdOf(plain));
}

/**
 * The address of a file of any server, as requests need it. Whoever signs addresses does that in the query: it stays.
 *
 * @throws HoldfastError as `checkAddress`; the query stands in no error
 */
export function checkAnyAddress(address: string): string {
  const [plain = "", ...query] = address.replace(/#.*$/s, "").split("?");
  checkAddress(plain, false);
  return [plain, ...query].join("?");
}
