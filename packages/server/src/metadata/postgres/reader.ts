// Reads records over a few connections. Each statement sees every commit that was acknowledged before it; what a lost connection took is asked again.
import type { MetadataStore } from "@holdfast/engine";
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import { decodeFile, decodePage, decodeUpload, type Row, wholeAt } from "../records/codec.ts";
import { decodeCounts, decodeDue, FIRST, LAST } from "../records/listed.ts";
import { joinPages, PAGE_PARTS } from "../records/pages.ts";
import { ask, type Driver, type Statement } from "./connect.ts";
import { failureOf } from "./failure.ts";
import { DUE, QUERIES } from "./queries.ts";
import { useSchema } from "./schema.ts";

export type Reader = Omit<MetadataStore, "apply">;

/** Connections that read at once: a query takes less than a millisecond of one. */
const CONNECTIONS = 4;
const RETRY_FIRST_MS = 20;
const RETRY_MAX_MS = 500;

/** Each method rejects with `storage_failed` where PostgreSQL is away for longer than `patienceMs`, or what it gives is damaged. */
export function openReader(driver: Driver, patienceMs: number): Reader {
  const pool = driver.createPool(CONNECTIONS);
  // Of idle ones; the next query takes another.
  pool.on("error", () => undefined);
  // Of those at work: their query hears of it. The pool listens to idle ones only, and what nobody listens to ends the process.
  pool.on("connect", (client) => void client.on("error", () => undefined));
  const prepared = new WeakSet<object>();

  async function once(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    const client = await pool.connect();
    let failed: unknown;
    try {
      if (!prepared.has(client)) await useSchema(client, driver.schema);
      prepared.add(client);
      return await ask(client, statement, values);
    } catch (cause) {
      failed = cause;
      throw cause;
    } finally {
      client.release(failed !== undefined && failureOf(failed).reach === "lost");
    }
  }

  async function read(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    const until = performance.now() + patienceMs;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(RETRY_MAX_MS, delayMs * 2)) {
      try {
        return await once(statement, values);
      } catch (cause) {
        const { reach, error } = failureOf(cause);
        const isOver = performance.now() + delayMs > until;
        if ((reach !== "lost" && reach !== "again") || isOver) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  return {
    async upload(by) {
      const [row] =
        typeof by === "string"
          ? await read(QUERIES.upload, [by])
          : await read(QUERIES.uploadByKey, [by.tenant, by.principal, by.name]);
      return row && decoded(() => decodeUpload(row));
    },
    async parts(id) {
      const rows = await read(QUERIES.parts, [id]);
      const [first] = rows;
      if (!first) throw new HoldfastError("upload_not_found");
      return decoded(() => {
        const grid = { size: wholeAt(first, "size"), partSize: wholeAt(first, "part_size") };
        const pages = rows.filter(({ page }) => page !== null).map(decodePage);
        const version = wholeAt(first, "version");
        return { ...joinPages(grid, pages, PAGE_PARTS.postgres), version };
      });
    },
    async file(by) {
      const [row] =
        typeof by === "string"
          ? await read(QUERIES.file, [by])
          : await read(QUERIES.fileOf, [by.uploadId]);
      return row && decoded(() => decodeFile(row));
    },
    async files({ tenant, after, limit }) {
      const { at, id } = after ? { at: after.createdAt, id: after.id } : LAST;
      const rows = await read(QUERIES.files, [tenant, at, id, limit]);
      return decoded(() => rows.map(decodeFile));
    },
    async due(kind, { before = LAST.at, after = FIRST, limit }) {
      const rows = await read(DUE[kind], [after.at, after.id, before, limit]);
      return decoded(() => rows.map(decodeDue));
    },
    async counts(of) {
      const [row] = of
        ? await read(QUERIES.usageOf, [of.tenant, of.id])
        : await read(QUERIES.usage, []);
      return decoded(() => decodeCounts(row));
    },
    close: () => pool.end(),
  };
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause;
    throw new HoldfastError("storage_failed", "a record is damaged", {}, cause);
  }
}
