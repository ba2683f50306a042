// Several storages as one: everything of an upload is in its home, which its record and its places name, whatever the rule says by now.
import type { Home, PartStorage, Place } from "@holdfast/engine";
import { type GridLimits, HoldfastError } from "@holdfast/protocol";
import { homeOf } from "./place.ts";

export interface Homes {
  /** The one that has no name: for tenants without a rule. */
  readonly main: PartStorage;
  readonly named: ReadonlyMap<Home, PartStorage>;
  /** Where a tenant's new uploads go, by its name. */
  readonly rules: ReadonlyMap<string, Home>;
}

/** What one of them cannot take none of them gets. */
export function joinHomes({ main, named, rules }: Homes): PartStorage {
  const all = [main, ...named.values()];

  /** @throws HoldfastError `storage_failed` where no storage has this name any more. */
  function at(home: Home | undefined): PartStorage {
    const storage = home === undefined ? main : named.get(home);
    if (storage) return storage;
    const message = `the bytes are in the storage ${home}, which this server was not given`;
    const hint = `Name it at the start: --storages ${home}=s3://BUCKET/PREFIX`;
    throw new HoldfastError("storage_failed", message, { setting: "storages", hint });
  }

  const of = (place: Place): PartStorage => at(homeOf(place));
  const holding = (object: { readonly place: Place } | { readonly home?: Home | undefined }) =>
    ("place" in object ? of(object.place) : at(object.home)).objects;

  return {
    kind: "parts",
    limits: all.map(({ limits }) => limits).reduce(narrower),
    transfer: all.every(({ transfer }) => transfer === "direct") ? "direct" : "server",
    objects: {
      isStaged: (place) => of(place).objects.isStaged(place),
      address: async (place, terms) => of(place).objects.address(place, terms),
      read: (object, range) => holding(object).read(object, range),
      put: async (object, bytes) => holding(object).put(object, bytes),
      remove: async (object) => holding(object).remove(object),
      list: () => inAll(({ objects }) => objects.list()),
      removeTails: async (id, isSpent, home) => at(home).objects.removeTails(id, isSpent, home),
      removeAll: async (id, home) => at(home).objects.removeAll(id, home),
    },
    homeOf: (tenant) => rules.get(tenant),
    begin: async (id, type, home, form) => at(home).begin(id, type, home, form),
    putPart: async (place, part, body, signal) => of(place).putPart(place, part, body, signal),
    sign: async (place, parts, lifeMs) => of(place).sign(place, parts, lifeMs),
    listed: async (place, start, end) => of(place).listed(place, start, end),
    assemble: async (place, parts) => of(place).assemble(place, parts),
    discard: async (place) => of(place).discard(place),
    unfinished: (before) => inAll((storage) => storage.unfinished(before)),
  };

  /** One that does not answer keeps nobody from what is in the others; in the end it is told of. */
  async function* inAll<T>(list: (storage: PartStorage) => AsyncIterable<T>): AsyncGenerator<T> {
    const failures: unknown[] = [];
    for (const storage of all) {
      try {
        yield* list(storage);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

function narrower(a: GridLimits, b: GridLimits): GridLimits {
  return {
    partSizeMin: Math.max(a.partSizeMin, b.partSizeMin),
    partSizeMax: Math.min(a.partSizeMax, b.partSizeMax),
    partCountMax: Math.min(a.partCountMax, b.partCountMax),
    sizeMax: Math.min(a.sizeMax, b.sizeMax),
  };
}
