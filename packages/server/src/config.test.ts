// Where a server may listen, and with what.
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { isLoopback, keepFreeOf, readSettings, urlOf } from "./config.ts";

const dataDir = "/nowhere";
const TOKEN = "0123456789abcdef";

describe("the bind rule", () => {
  it.each(["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1", undefined])(
    "lets anybody listen on %s",
    async (host) => {
      const settings = await readSettings({ dataDir, ...(host === undefined ? {} : { host }) });
      expect(isLoopback(settings.address)).toBe(true);
    },
  );

  it.each(["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "0"])(
    "lets nobody listen on %s without a token and --insecure",
    async (host) => {
      const refused = { code: "insecure_bind" };
      await expect(readSettings({ dataDir, host })).rejects.toMatchObject(refused);
      await expect(readSettings({ dataDir, host, token: TOKEN })).rejects.toMatchObject(refused);
      await expect(readSettings({ dataDir, host, insecure: true })).rejects.toMatchObject(refused);
      const empty = { dataDir, host, insecure: true, token: "" };
      await expect(readSettings(empty)).rejects.toMatchObject(refused);
      const both = await readSettings({ dataDir, host, insecure: true, token: TOKEN });
      expect(isLoopback(both.address)).toBe(false);
    },
  );

  it("lets proxies in over plain HTTP, and nobody else", async () => {
    const proxies = ["10.0.0.0/8"];
    const host = "0.0.0.0";
    const behind = await readSettings({ dataDir, host, token: TOKEN, proxies });
    expect(behind.isForProxiesOnly).toBe(true);
    await expect(readSettings({ dataDir, host, proxies })).rejects.toMatchObject({
      code: "insecure_bind",
    });
    // What they bring to this machine alone is the world's all the same.
    await expect(readSettings({ dataDir, proxies })).rejects.toMatchObject({
      code: "insecure_bind",
    });
    const open = await readSettings({ dataDir, host, token: TOKEN, proxies, insecure: true });
    expect(open.isForProxiesOnly).toBe(false);
  });

  it.each([
    { proxies: ["proxy.example"] },
    { origins: ["*"] },
    { token: "two words" },
    { token: "caf\u00e9" },
    { token: "a\nb" },
    { port: -1 },
    { port: 65_536 },
    { port: 1.5 },
  ])("refuses %j", async (more) => {
    await expect(readSettings({ dataDir, ...more })).rejects.toMatchObject({ code: "usage" });
  });
});

describe("the one token", () => {
  it.each([
    ["t", /1 characters, and 16 are the least/],
    ["hunter2", /7 characters/],
    ["0123456789abcde", /15 characters/],
    ["a".repeat(64), /fewer than 6 different/],
    ["0101010101010101", /fewer than 6 different/],
  ])("is not %j: it could be guessed", async (token, message) => {
    const hint = expect.stringContaining("openssl rand");
    const refused = { code: "usage", message: expect.stringMatching(message), details: { hint } };
    await expect(readSettings({ dataDir, token })).rejects.toMatchObject(refused);
    const shown = await readSettings({ dataDir, token }).catch((error: Error) => error);
    if (token.length > 1) expect(JSON.stringify(shown)).not.toContain(token);
  });

  it("may be what the hint makes, and no token at all", async () => {
    const token = "5a1d3c6f0b7e82945a1d3c6f0b7e8294d3c6f0b7e8294a1b";
    expect((await readSettings({ dataDir, token })).token).toBe(token);
    expect((await readSettings({ dataDir, token: TOKEN })).token).toBe(TOKEN);
    expect((await readSettings({ dataDir, token: "" })).token).toBeUndefined();
  });
});

describe("the room to keep free", () => {
  it("is 5 % of a small disk and 1 GiB of a large one", () => {
    expect(keepFreeOf(100 * MIB)).toBe(5 * MIB);
    expect(keepFreeOf(20 * 1024 * MIB)).toBe(1024 * MIB);
    expect(keepFreeOf(16 * 1024 * 1024 * MIB)).toBe(1024 * MIB);
  });
});

describe("the URL", () => {
  it.each([
    ["127.0.0.1", "http://127.0.0.1:8420"],
    ["0.0.0.0", "http://127.0.0.1:8420"],
    ["::", "http://[::1]:8420"],
    ["::1", "http://[::1]:8420"],
    ["192.0.2.1", "http://192.0.2.1:8420"],
  ])("of %s is %s", (address, url) => {
    expect(urlOf(address, 8420)).toBe(url);
  });
});
