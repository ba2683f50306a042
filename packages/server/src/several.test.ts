// What of further storages and their tenants is understood, and what is refused by name.
import { expect, it } from "vitest";
import { readSeveral } from "./several.ts";

const storage = "s3://files";
const storages = { eu: "s3://files-eu", "us-1": "s3://files-us" };

it("names storages, and tenants that go there", () => {
  const several = readSeveral({ storage, storages, homes: { acme: "eu", "__proto__ ": "us-1" } });
  expect([...several.storages]).toEqual(Object.entries(storages));
  expect(several.rules.get("acme")).toBe("eu");
  expect(several.rules.get("others")).toBeUndefined();
  expect([...readSeveral({}).storages]).toEqual([]);
});

it.each([
  ["storages", { storages }, /no first one/, /--storage/],
  ["storages", { storage, storages: { "E U": "s3://files" } }, /E U/, /Small letters/],
  ["homes", { storage, storages, homes: { acme: "ue" } }, /acme.*ue/, /Did you mean eu\?/],
  ["homes", { storage, storages, homes: { acme: "asia" } }, /asia/, /There are eu, us-1/],
  ["homes", { storage, homes: { acme: "eu" } }, /eu/, /names none/],
])("%s that are wrong are refused", (setting, options, message, hint) => {
  expect(() => readSeveral(options)).toThrow(
    expect.objectContaining({
      code: "usage",
      message: expect.stringMatching(message),
      details: { setting, hint: expect.stringMatching(hint) },
    }),
  );
});
