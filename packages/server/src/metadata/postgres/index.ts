// The metadata store on PostgreSQL. Its driver, the package `pg`, is loaded when it is opened.
export { openPostgresMetadata, type PostgresMetadataOptions } from "./store.ts";
