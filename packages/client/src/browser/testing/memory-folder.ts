// For tests: a folder as browsers have it, in memory, and what they answer where something cannot be.
import type { SyncFile } from "../working-file.ts";

interface Stored {
  bytes: Uint8Array<ArrayBuffer>;
  lastModified: number;
  isOpen: boolean;
}

export interface MemoryFolder {
  readonly folder: FileSystemDirectoryHandle;
  readonly files: Map<string, Stored>;
  /** Bytes that a file may have. */
  quota: number;
  /** Flushes fail; nobody allows a file to be written. */
  isBroken: boolean;
  isDenied: boolean;
  /** Somebody reads them: who writes or cuts one spoils that. */
  isFixed: boolean;
}

/** What Chromium says of a write for which there is no room. */
export const NO_ROOM: number = -8 >>> 0;

export function fault(name: string): DOMException {
  return new DOMException(`it is a ${name}`, name);
}

export function createMemoryFolder(): MemoryFolder {
  const files = new Map<string, Stored>();
  const state = {
    quota: Number.POSITIVE_INFINITY,
    ...{ isBroken: false, isDenied: false, isFixed: false },
  };

  function resize(file: Stored, size: number): void {
    const next = new Uint8Array(size);
    next.set(file.bytes.subarray(0, size));
    file.bytes = next;
  }

  function openSync(file: Stored): SyncFile {
    if (file.isOpen) throw fault("NoModificationAllowedError");
    file.isOpen = true;
    return {
      read(into, { at }) {
        const there = file.bytes.subarray(at, at + into.length);
        into.set(there);
        return there.length;
      },
      write(bytes, { at }) {
        if (at + bytes.length > state.quota) return NO_ROOM;
        if (at + bytes.length > file.bytes.length) resize(file, at + bytes.length);
        file.bytes.set(bytes, at);
        return bytes.length;
      },
      flush() {
        if (state.isBroken) throw fault("InvalidStateError");
      },
      truncate(size) {
        if (state.isFixed) throw fault("NotReadableError");
        if (size > state.quota) throw fault("QuotaExceededError");
        resize(file, size);
      },
      getSize: () => file.bytes.length,
      close() {
        file.isOpen = false;
      },
    };
  }

  /** What is written is seen when it is closed. */
  function openWritable(file: Stored) {
    if (state.isDenied) throw fault("NotAllowedError");
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    return {
      write: async (piece: Uint8Array<ArrayBuffer>) => void pieces.push(piece.slice()),
      abort: async () => undefined,
      async close() {
        file.bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
      },
    };
  }

  function handleOf(name: string, file: Stored) {
    return {
      kind: "file",
      name,
      getFile: async () => new File([file.bytes], name, { lastModified: file.lastModified }),
      createSyncAccessHandle: async () => openSync(file),
      createWritable: async () => openWritable(file),
    };
  }

  const folder = {
    kind: "directory",
    name: "",
    async getFileHandle(name: string, { create = false } = {}) {
      const file = files.get(name) ?? {
        bytes: new Uint8Array(0),
        lastModified: 0,
        isOpen: false,
      };
      if (!files.has(name) && !create) throw fault("NotFoundError");
      files.set(name, file);
      return handleOf(name, file);
    },
    async removeEntry(name: string) {
      if (files.get(name)?.isOpen) throw fault("NoModificationAllowedError");
      if (!files.delete(name)) throw fault("NotFoundError");
    },
    async *entries() {
      for (const [name, file] of [...files]) yield [name, handleOf(name, file)];
    },
  };
  return Object.assign(state, { files, folder: folder as unknown as FileSystemDirectoryHandle });
}
