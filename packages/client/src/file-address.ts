// The address of a file: of ours, plain or a signed link that lets anybody read it for a while; or of any HTTP server.
import { isFileId } from "@holdfast/protocol";
import { checkAddress, type TokenSource } from "./auth.ts";

/**
 * The address as requests need it: the query of a signed link stays.
 *
 * @throws HoldfastError as `checkAddress`; the signature stands in no error
 */
export function checkFileAddress(address: string, hasToken: boolean): string {
  const [path = "", query] = address.split("?", 2);
  return isLink(address)
    ? `${checkAddress(path, hasToken)}?${query}`
    : checkAddress(address, hasToken);
}

function isLink(address: string): boolean {
  const [, query] = address.split("?", 2);
  return query !== undefined && /(?:^|&)sig=/.test(query) && !address.includes("#");
}

/** What is asked of a file, with the token only where one counts: a signed link and a public address open it alone, and whoever says elsewhere that he is Holdfast may be anybody. */
export function forReading<T extends { readonly url: string; readonly token?: TokenSource }>({
  token,
  ...rest
}: T): Omit<T, "token"> & { readonly token?: TokenSource } {
  return { ...rest, ...(token !== undefined && takesToken(rest.url) ? { token } : {}) };
}

/** Whether a token is sent along where this is read. */
export function takesToken(url: string): boolean {
  return isFileAddress(url) && !isLink(url);
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
  const { origin, pathname } = new URL(plain);
  return [origin + pathname, ...query].join("?");
}

/** Names of what signs an address, and of what that is good for: Amazon's and those who do as Amazon does, Google's, Azure's, CDNs'. */
const SIGNING =
  /^(?:x-(?:amz|goog|oss|cos|obs)-.*|(?:aws|oss)accesskeyid|googleaccessid|signature|expires|policy|key-pair-id|sig|s[eiprstv]|spr|srt|sk(?:oid|tid|[estv])|exp|token|md5|hmac)$/i;

/** What an address of any server means, whoever signed it for however long: the same file is signed anew for the next command. What else stands in the query names the file. */
export function unsignedAddress(url: string): string {
  const [, query = ""] = /\?(.*)$/s.exec(url) ?? [];
  const meant = query.split("&").filter((pair) => !SIGNING.test(pair.replace(/=.*$/s, "")));
  return meant.some((pair) => pair !== "")
    ? `${plainAddress(url)}?${meant.join("&")}`
    : plainAddress(url);
}
