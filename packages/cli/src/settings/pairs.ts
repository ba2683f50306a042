// Settings that are lists of NAME=VALUE.
import { HoldfastError } from "@holdfast/protocol";
import type { Settings } from "./resolve.ts";
import { flagOf } from "./table.ts";

/** @throws HoldfastError `usage` where a name stands there twice. */
export function pairsOf(
  settings: Settings,
  name: "serve.storages" | "serve.homes",
): Readonly<Record<string, string>> {
  const pairs = settings.list(name).map((pair): readonly [string, string] => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  const values = new Map(pairs);
  if (values.size === pairs.length) return Object.fromEntries(values);
  throw new HoldfastError("usage", `${flagOf(name)} has a name twice`);
}
