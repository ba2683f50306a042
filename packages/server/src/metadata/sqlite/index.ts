// Records in SQLite: the metadata store that is built in.
export { openSqliteMetadata, type SqliteMetadataOptions } from "./store.ts";
