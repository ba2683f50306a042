// A file of a device as the source of an upload.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { Source } from "../ports.ts";
import type { DeviceFile } from "./device.ts";

/** A file as it is now. */
export interface Look {
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** Everything that an app's reader throws is `source_unreadable`, unless it says otherwise by a HoldfastError. */
export function openDeviceSource(file: DeviceFile): Source {
  const { name, id, size, lastModified } = file;
  return {
    name,
    identity: `device:${id}`,
    fingerprint: { size, mtimeMs: lastModified, ctimeMs: lastModified, ino: 0 },
    async read(offset, into) {
      const read = await attempt(name, async () => file.read(offset, into.length));
      if (read.length !== into.length) {
        const why = `${name} has ${read.length} bytes where it had ${into.length}`;
        throw new HoldfastError("source_changed", why, { file: name });
      }
      into.set(read);
    },
    async isChanged() {
      if (!file.look) return false;
      const now = await attempt(name, async () => file.look?.());
      if (!now) throw new HoldfastError("source_gone", `${name} is not where it was`);
      return now.size !== size || now.lastModified !== lastModified;
    },
    close: async () => {
      await file.close?.();
    },
  };
}

async function attempt<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isHoldfastError(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("source_unreadable", `${name} cannot be read: ${why}`, {}, error);
  }
}
