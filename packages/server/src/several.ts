// Which storages there are besides the first, and whose bytes each of them keeps, as options of a server say it.
import type { Home } from "@holdfast/engine";
import { HoldfastError, nearestOf } from "@holdfast/protocol";

export interface SeveralOptions {
  readonly storage?: string;
  readonly storages?: Readonly<Record<string, string>>;
  readonly homes?: Readonly<Record<string, string>>;
}

export interface Several {
  /** Addresses by names. */
  readonly storages: ReadonlyMap<string, string>;
  /** Names by tenants. */
  readonly rules: ReadonlyMap<string, Home>;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,30}$/;

/** @throws HoldfastError `usage` */
export function readSeveral({ storage, storages = {}, homes = {} }: SeveralOptions): Several {
  const names = Object.keys(storages);
  if (storage === undefined && names.length > 0) {
    const hint = "Name the bucket of all other tenants too: --storage s3://BUCKET/PREFIX.";
    throw wrong("storages", "there are further storages, and no first one", hint);
  }
  for (const name of names) {
    if (NAME.test(name)) continue;
    const hint = "Small letters, digits and hyphens, 31 at most, such as eu or eu-west-1.";
    throw wrong("storages", `no storage can be called ${name}`, hint);
  }
  for (const [tenant, name] of Object.entries(homes)) {
    if (names.includes(name)) continue;
    const near = nearestOf(name, names);
    const there = names.length === 0 ? "--storages names none." : `There are ${names.join(", ")}.`;
    const hint = near === undefined ? there : `Did you mean ${near}?`;
    throw wrong(
      "homes",
      `the bytes of ${tenant} cannot be in ${name}: there is no such storage`,
      hint,
    );
  }
  return {
    storages: new Map(Object.entries(storages)),
    rules: new Map(Object.entries(homes).map(([tenant, name]) => [tenant, name as Home])),
  };
}

function wrong(setting: string, message: string, hint: string): HoldfastError {
  return new HoldfastError("usage", message, { setting, hint });
}
