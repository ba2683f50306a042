// Whom to believe about where a request comes from: a proxy that the operator named, and nobody else.
import { BlockList, isIP } from "node:net";
import { HoldfastError } from "@holdfast/protocol";

/** Whoever is at the other end of a socket in the file system: it has no address, and its directory says who may open it. */
export const LOCAL_PEER = "unix";

export interface Trust {
  /** Whether requests come through proxies at all. */
  readonly hasProxies: boolean;
  isProxy(address: string): boolean;
  /**
   * The address that a request was sent from: the connection's, or what the proxies say of it. Read from the right: what stands left of the first address
   * that is no proxy of ours was written by whoever it is.
   */
  addressOf(peer: string | undefined, forwardedFor: string | undefined): string | undefined;
}

/**
 * @param proxies Addresses, networks such as `10.0.0.0/8`, or `unix` for whoever comes over the socket in the file system.
 * @throws HoldfastError `usage`
 */
export function createTrust(proxies: readonly string[]): Trust {
  const list = new BlockList();
  for (const proxy of proxies) if (proxy !== LOCAL_PEER) add(list, proxy);
  const isLocalProxy = proxies.includes(LOCAL_PEER);
  const isProxy = (address: string) =>
    address === LOCAL_PEER ? isLocalProxy : list.check(address, familyOf(address));
  return {
    hasProxies: proxies.length > 0,
    isProxy: (address) => isProxy(plain(address)),
    addressOf(peer, forwardedFor) {
      if (peer === undefined) return undefined;
      let address = plain(peer);
      const chain = forwardedFor?.split(",") ?? [];
      while (chain.length > 0 && isProxy(address)) {
        const before = plain(chain.pop()?.trim() ?? "");
        if (isIP(before) === 0) break;
        address = before;
      }
      return address;
    },
  };
}

function add(list: BlockList, proxy: string): void {
  const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(proxy) ?? [];
  const most = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || Number(bits ?? 0) > most) {
    const text = `"${proxy}" is no address, no network such as 10.0.0.0/8, and not ${LOCAL_PEER}`;
    throw new HoldfastError("usage", text);
  }
  list.addSubnet(address, Number(bits ?? most), familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** An IPv4 address that a socket for both shows as one of IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
