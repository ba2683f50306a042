import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { checkAddress, createAuth } from "./auth.ts";

describe("an address", () => {
  it.each([
    ["http://127.0.0.1:8420", "http://127.0.0.1:8420"],
    ["http://127.0.0.1:8420/", "http://127.0.0.1:8420"],
    ["https://example.org/files//", "https://example.org/files"],
  ])("%s is %s", (given, expected) => {
    expect(checkAddress(given, false)).toBe(expected);
  });

  it.each([
    "https://user:secret@example.org/",
    "https://user@example.org/",
    "https://example.org/?token=secret",
    "https://example.org/?",
    "https://example.org/#here",
  ])("carries nothing that would be dropped: %s", (given) => {
    expect(() => checkAddress(given, false)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: expect.not.stringMatching(/secret|here/),
      }),
    );
  });

  it.each(["", "example.org", "ftp://example.org", "file:///etc/passwd"])("is not %j", (given) => {
    expect(() => checkAddress(given, false)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it.each([
    "http://localhost:1",
    "http://x.localhost",
    "http://127.9.8.7",
    "http://[::1]:8420",
    "https://example.org",
  ])("takes a token to %s", (given) => {
    expect(checkAddress(given, true)).toBe(given);
  });

  it.each([
    "http://example.org",
    "http://127.0.0.1.example.org",
    "http://localhost.example.org",
    "http://192.168.0.1",
    "http://0.0.0.0",
    "http://[2001:db8::1]",
  ])("takes no token to %s", (given) => {
    const insecure = expect.objectContaining({ code: "insecure_transport" });
    expect(() => checkAddress(given, true)).toThrow(insecure);
    expect(checkAddress(given, false)).toBe(given);
  });
});

describe("a token", () => {
  it("that is fixed is never renewed", async () => {
    const auth = createAuth("fixed");
    expect(await auth.current()).toBe("fixed");
    expect(await auth.renew("fixed")).toBe(false);
    expect(await createAuth(undefined).current()).toBeUndefined();
    expect(await createAuth(undefined).renew("x")).toBe(false);
  });

  it("is asked for once, and once more for all who were refused with it", async () => {
    let asked = 0;
    const auth = createAuth(async () => `token ${++asked}`);
    expect(await Promise.all([auth.current(), auth.current()])).toEqual(["token 1", "token 1"]);
    const renewed = await Promise.all([auth.renew("token 1"), auth.renew("token 1")]);
    expect(renewed).toEqual([true, true]);
    expect(await auth.current()).toBe("token 2");
    expect(asked).toBe(2);
  });

  it("that comes back the same is not tried again", async () => {
    const auth = createAuth(async () => "same");
    await auth.current();
    expect(await auth.renew("same")).toBe(false);
  });

  it("that its provider refuses for good is an error for good", async () => {
    const refused = new HoldfastError("unauthorized", "log in again");
    const auth = createAuth(async () => {
      throw refused;
    });
    await expect(auth.current()).rejects.toBe(refused);
  });

  it("that never came is asked for anew", async () => {
    let asked = 0;
    const auth = createAuth(() =>
      ++asked === 1 ? new Promise<string>(() => undefined) : Promise.resolve("token"),
    );
    void auth.current();
    auth.forget();
    expect(await auth.current()).toBe("token");
  });

  it("whose provider fails once is asked for again", async () => {
    let asked = 0;
    const auth = createAuth(async () => {
      if (++asked === 1) throw new Error("offline");
      return "token";
    });
    await expect(auth.current()).rejects.toMatchObject({ code: "connection_failed" });
    expect(await auth.current()).toBe("token");
  });
});
