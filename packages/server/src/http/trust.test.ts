// Where a request comes from: proxies that were named are believed, nobody else is.
import { describe, expect, it } from "vitest";
import { createTrust } from "./trust.ts";

const PROXIES = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];

describe("the address of a request", () => {
  it.each([
    ["nobody is believed where no proxy is named", [], "10.0.0.1", "198.51.100.9", "10.0.0.1"],
    ["a stranger is not believed", PROXIES, "198.51.100.1", "198.51.100.9", "198.51.100.1"],
    ["a proxy is", PROXIES, "10.0.0.1", "198.51.100.9", "198.51.100.9"],
    ["over IPv6 too", PROXIES, "2001:db8::1", "2001:db9::9", "2001:db9::9"],
    ["as a socket for both shows it", PROXIES, "::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"],
    [
      "what was written before the first of ours",
      PROXIES,
      "10.0.0.1",
      "1.2.3.4, 5.6.7.8",
      "5.6.7.8",
    ],
    ["through two proxies", PROXIES, "10.0.0.1", "1.2.3.4, 5.6.7.8, 192.0.2.7", "5.6.7.8"],
    ["proxies only", PROXIES, "10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"],
    ["no field", PROXIES, "10.0.0.1", undefined, "10.0.0.1"],
    ["garbage", PROXIES, "10.0.0.1", "<script>", "10.0.0.1"],
    ["garbage behind an address", PROXIES, "10.0.0.1", "x, 5.6.7.8", "5.6.7.8"],
    ["an empty field", PROXIES, "10.0.0.1", "", "10.0.0.1"],
    ["the socket in the file system is not believed", PROXIES, "unix", "198.51.100.9", "unix"],
    ["unless it is named", ["unix"], "unix", "198.51.100.9", "198.51.100.9"],
    ["and says nothing for others", ["unix"], "127.0.0.1", "198.51.100.9", "127.0.0.1"],
    ["nor is its name in a field", ["unix"], "unix", "1.2.3.4, unix", "unix"],
    ["a proxy before the socket", ["unix", ...PROXIES], "unix", "1.2.3.4, 10.0.0.1", "1.2.3.4"],
    ["a port behind it", PROXIES, "10.0.0.1", "5.6.7.8:99", "10.0.0.1"],
  ])("%s", (_name, proxies, peer, forwarded, expected) => {
    expect(createTrust(proxies).addressOf(peer, forwarded)).toBe(expected);
  });

  it("is unknown where the host does not tell", () => {
    expect(createTrust(PROXIES).addressOf(undefined, "1.2.3.4")).toBeUndefined();
  });

  it.each(["", "x", "10.0.0.0/33", "10.0.0/8", "::1/129", "10.0.0.1/8/8", "*", "unix/8"])(
    "cannot be told by %j",
    (proxy) => expect(() => createTrust([proxy])).toThrow(/is no address/),
  );
});
