// The bytes of a server: on the disk of its data directory, or in a bucket.
import type { Log, MetadataStore, SendStored, Storage } from "@holdfast/engine";
import type { Naming } from "./bucket-mark.ts";
import type { About } from "./http/front.ts";

/** Bytes that were opened, as the server works with them. */
export interface Bytes {
  readonly storage: Storage;
  /** Undefined where they lie elsewhere. */
  readonly send?: SendStored;
  readonly io: About["io"];
  /** Where they are in words, unless in the data directory. */
  readonly where?: string;
  /** Names them to records that lie elsewhere; undefined where that is left to the data directory. */
  readonly place?: string;
  /** Where that name is new, and the records may have got another from a server that begins at the same moment. */
  readonly naming?: Naming;
  /** Called before records that are new become theirs. @throws HoldfastError `data_dir_unusable`, `storage_unusable` where others know what is there */
  requireUnknown(): Promise<void>;
  /** Room that is kept free where nothing else was said. */
  readonly keepFree: number;
  /** Looks for what is stored and has no record, in the background: on a disk it is moved out of the way, in a bucket it is told of; the function that it gives stops that and resolves when it has ended. */
  setAside(metadata: MetadataStore, log: Log): () => Promise<void>;
  /** Resolves if the storage answers, for readiness. @throws what it met */
  look(): Promise<void>;
  close(): Promise<void>;
}
