// The two kinds of storage: a verb that differs between them looks at `storage.kind` once, and what stands behind that goes on with its own kind.
import { HoldfastError } from "@holdfast/protocol";
import type { EngineParts } from "./engine.ts";
import type { PartStorage, RegionStorage } from "./ports.ts";

type HasStorage = Pick<EngineParts, "storage">;

/** For what only a storage of regions needs. */
export function regionsOf({ storage }: HasStorage): RegionStorage {
  if (storage.kind === "regions") return storage;
  throw new HoldfastError("internal", "a storage of parts was asked for regions");
}

/** For what only a storage of parts needs. */
export function partsOf({ storage }: HasStorage): PartStorage {
  if (storage.kind === "parts") return storage;
  throw new HoldfastError("internal", "a storage of regions was asked for parts");
}
