// What an examination says of the location itself, whatever answers there.
import { expect, it } from "vitest";
import { examine } from "./examine.ts";
import { parseS3Location } from "./location.ts";

it.each([
  ["http://store.invalid", ["tls", "access"]],
  ["https://store.invalid", ["access"]],
  ["http://127.0.0.1:9", ["access"]],
  ["http://[::1]:9", ["access"]],
  ["http://localhost:9", ["access"]],
])("at %s looks at %j", async (endpoint, whats) => {
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const location = parseS3Location(`s3://files?endpoint=${endpoint}`);
  const { findings, calls } = await examine(location, { credentials, idleMs: 1_000 });
  calls.close();
  expect(findings.map(({ what }) => what)).toEqual(whats);
  expect(findings.at(-1)).toMatchObject({ state: "no", setting: "endpoint" });
});
