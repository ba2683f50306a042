// What an app gives the client: its files, its storage, its chance and its digests. Every module that has these fits, with a few lines between.
import type { Look } from "./source.ts";

/** A file of the device. */
export interface DeviceFile {
  /** For whoever downloads it. */
  readonly name: string;
  /** Names it on this device from one start of the app to the next; so no path that begins with the app's container, which iOS moves with every update. */
  readonly id: string;
  /** In bytes. */
  readonly size: number;
  /** Last change, in milliseconds since 1970. */
  readonly lastModified: number;
  /** Media type. */
  readonly type?: string;
  /** The bytes from `offset` on, `length` of them. Asked for several times at once: whoever has one position for all of them mixes them up. Rejects or throws where they cannot be read. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** The file as it is now; undefined where it is gone. Without it, only reading it tells. */
  look?(): Promise<Look | undefined>;
  /** When nothing reads it any more. */
  close?(): void | Promise<void>;
}

/** Texts by key, as far as possible on the medium when a promise resolves: `expo-sqlite/kv-store` and AsyncStorage have this form. */
export interface DeviceStorage {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<void>;
  removeItem(key: string): Promise<void>;
  getAllKeys(): Promise<readonly string[]>;
}

export interface Device {
  readonly storage: DeviceStorage;
  /** Unpredictable bytes; `crypto.getRandomValues` by default, which React Native has from a module only. */
  randomBytes?(size: number): Uint8Array;
  /** SHA-256 of a part by native code. Without it, JavaScript digests: some ten times slower, on the thread of the app's own surface. */
  sha256?(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer | Uint8Array>;
}
