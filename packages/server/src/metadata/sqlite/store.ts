// The metadata store on SQLite: changes go to the writer thread, reads are done at once by a connection of their own.
import type { MetadataStore } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { createStore } from "../records/store.ts";
import { openReader, type Reader } from "./reader.ts";
import { startWriter, type WriterThread } from "./writer-thread.ts";

export interface SqliteMetadataOptions {
  /** The database's path; its directory exists. Two more files stand beside it while it is open. */
  readonly path: string;
  /** Called once when the disk failed a commit, or the writer was lost: the process should end, a new start recovers. */
  readonly onFatal?: (error: HoldfastError) => void;
}

/**
 * Opens the records, making them where there are none. The caller owns the directory alone (`owner.ts`).
 *
 * @throws HoldfastError `data_dir_unusable` where they cannot be used, such as records of a newer version.
 */
export async function openSqliteMetadata(options: SqliteMetadataOptions): Promise<MetadataStore> {
  const writer = await startWriter(options.path, (error) => options.onFatal?.(error));
  const reader = await openReaderBeside(writer, options.path);
  // The last connection to close moves the log into the tables and removes SQLite's two other files. The reader cannot, so it is the last: a log in doubt
  // is not touched, and room for those files is kept, without which nothing here could be read on a full disk.
  return createStore(writer, reader);
}

async function openReaderBeside(writer: WriterThread, path: string): Promise<Reader> {
  try {
    return openReader(path);
  } catch (cause) {
    await writer.close();
    throw new HoldfastError("data_dir_unusable", `${path} cannot be read`, { path }, cause);
  }
}
