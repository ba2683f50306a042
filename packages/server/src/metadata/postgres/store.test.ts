// The PostgreSQL metadata store: the contract, what a kill of PostgreSQL leaves, what it refuses.
import type { OutboxEntry } from "@holdfast/engine";
import { isFileId } from "@holdfast/protocol";
import { describeMetadataContract } from "@holdfast/testkit/contracts/metadata";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import pg from "pg";
import { afterAll, beforeAll } from "vitest";
import { openPostgresMetadata } from "./index.ts";

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

let schemas = 0;

/** An address whose tables are its own. */
function freshAddress(): string {
  return `${postgres.url}?schema=test${schemas++}`;
}

describeMetadataContract("postgres", async () => {
  const address = freshAddress();
  return {
    isShared: true,
    open: () => openPostgresMetadata({ address, place: "here" }),
    outbox: async () => {
      const rows = await sql(address, "SELECT id, kind, file_id, at FROM outbox ORDER BY seq");
      return rows.map(outboxEntry);
    },
    // With the whole PostgreSQL, at the end.
    remove: async () => undefined,
  };
});

function outboxEntry(row: Readonly<Record<string, unknown>>): OutboxEntry {
  const { id, kind, file_id: file, at } = row;
  if (kind !== "upload.complete" && kind !== "file.deleted") throw new Error(`what is ${kind}?`);
  if (typeof file !== "string" || !isFileId(file)) throw new Error(`what is ${file}?`);
  return { id: String(id), kind, fileId: file, at: Number(at) };
}

function schemaOf(address: string): string {
  return new URL(address).searchParams.get("schema") ?? "";
}

async function sql(
  address: string,
  text: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const url = new URL(address);
  url.search = "";
  const options = `-c search_path=${schemaOf(address)} -c client_min_messages=warning`;
  const client = new pg.Client({ connectionString: url.href, options });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await client.end();
  }
}
