// Several servers that write the same records: what each has acknowledged stands, what only one may have one has, and who does not share is kept out.
import type { MetadataStore } from "@holdfast/engine";
import { countParts, createPartSet, isHoldfastError, partCount } from "@holdfast/protocol";
import { refusal } from "@holdfast/testkit/contracts/metadata-bench";
import {
  sampleFile,
  samplePart,
  samplePublish,
  sampleUpload,
} from "@holdfast/testkit/metadata/samples";
import { type Postgres, startPostgres } from "@holdfast/testkit/services/postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openPostgresMetadata, type PostgresMetadataOptions } from "./index.ts";

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

let schemas = 0;

function freshAddress(): string {
  return `${postgres.url}?schema=together${schemas++}`;
}

async function open(address: string, more: Partial<PostgresMetadataOptions> = {}) {
  const store = await openPostgresMetadata({ address, place: "here", isShared: true, ...more });
  stops.push(store.close);
  return store;
}

async function trio(address = freshAddress()): Promise<readonly MetadataStore[]> {
  // At once, as they come up with a machine.
  return Promise.all([open(address), open(address), open(address)]);
}

describe("records that are named before their bytes", () => {
  const dies = async () => {
    throw new Error("it was killed here");
  };

  it("are gone on with by who named them", async () => {
    const address = freshAddress();
    await expect(open(address, { namePlace: dies })).rejects.toThrow("killed here");
    let named = 0;
    const namePlace = async () => void named++;
    await open(address, { namePlace });
    await open(address);
    expect(named).toBe(1);
  });

  it("are nobody's yet, and named anew only by who has waited", async () => {
    const address = freshAddress();
    await expect(open(address, { where: "s3://here", namePlace: dies })).rejects.toThrow("killed");
    const theirs = { place: "there", namePlace: async () => undefined };
    const said = { of: "nobody yet", named: "here", where: "s3://here" };
    expect((await refusal(open(address, theirs))).details).toMatchObject(said);
    await open(address, { ...theirs, replaces: "here" });
    const late = refusal(open(address, { replaces: "there" }));
    expect((await late).details).toMatchObject({ of: "others" });
  });

  it("are named anew by one of those who have waited: the others find its name", async () => {
    const address = freshAddress();
    await expect(open(address, { namePlace: dies })).rejects.toThrow("killed here");
    const late = async () => {
      const second = open(address, { place: "second", namePlace: late, replaces: "here" });
      const said = { of: "nobody yet", named: "first", where: "s3://first" };
      expect((await refusal(second)).details).toMatchObject(said);
    };
    await open(address, {
      ...{ place: "first", where: "s3://first", namePlace: late, replaces: "here" },
    });
    expect((await refusal(open(address, { place: "second" }))).details["of"]).toBe("others");
  });

  it("get their name from whoever comes, while the first one is still at it, and after", async () => {
    const address = freshAddress();
    const named: string[] = [];
    const helper = { namePlace: async () => void named.push("by the second") };
    await open(address, {
      async namePlace() {
        await open(address, helper);
        named.push("by the first");
      },
    });
    expect(named).toEqual(["by the second", "by the first"]);
    expect((await refusal(open(address, { place: "there" }))).details["of"]).toBe("others");
  });

  it("are not those of one that was too slow: what it has named is no longer the records'", async () => {
    const address = freshAddress();
    const theirs = { place: "there", namePlace: async () => undefined, replaces: "here" };
    const slow = open(address, { namePlace: async () => void (await open(address, theirs)) });
    expect((await refusal(slow)).details).toMatchObject({ of: "others" });
  });
});

describe("records that several write", () => {
  it("have every part that any of them acknowledged, whoever is asked", async () => {
    const stores = await trio();
    const limits = { bytesMax: Number.MAX_SAFE_INTEGER };
    const uploads = [0, 1, 2, 3].map((at) =>
      sampleUpload(90, { principal: `principal-${at % 2}` }),
    );
    await Promise.all(
      uploads.map((upload, at) => stores[at % 3]?.apply({ kind: "create", upload, limits })),
    );
    const expiresAt = uploads[0]?.expiresAt ?? 0;
    await Promise.all(
      stores.flatMap((store, own) =>
        Array.from({ length: 30 }, async (_, step) => {
          const parts = [samplePart(3 * step + own)];
          // In no order that the others have.
          const order = own % 2 === 0 ? uploads : uploads.toReversed();
          await Promise.all(
            order.map(({ id }) => store.apply({ kind: "commit", id, parts, expiresAt, limits })),
          );
        }),
      ),
    );
    for (const store of stores) {
      for (const { id } of uploads) {
        const { bits } = await store.parts(id);
        expect(countParts(createPartSet(90, bits))).toBe(90);
        expect((await store.upload(id))?.version).toBe(90);
      }
    }
    expect(await stores[0]?.counts()).toEqual(await stores[2]?.counts());
  });

  it("give a claim to one of those that try at once, and publish once", async () => {
    const stores = await trio();
    const upload = sampleUpload(1);
    const { id } = upload;
    await stores[0]?.apply({ kind: "create", upload });
    for (let round = 1; round <= 10; round++) {
      const took = await Promise.allSettled(
        stores.map((store, at) =>
          store.apply({ kind: "claim", id, holder: `${at}`, token: round, lifeMs: 60_000 }),
        ),
      );
      const winners = took.flatMap(({ status }, at) => (status === "fulfilled" ? [at] : []));
      expect(winners.length).toBe(1);
      expect((await stores[1]?.upload(id))?.claim?.holder).toBe(`${winners[0]}`);
      await stores[2]?.apply({ kind: "release", id, token: round });
    }
    await stores[0]?.apply({
      ...{ kind: "commit", id, parts: [samplePart(0)], expiresAt: upload.expiresAt },
    });
    await stores[1]?.apply({ kind: "seal", id, epoch: 0 });
    const published = await Promise.allSettled(
      stores.map((store) => store.apply(samplePublish(sampleFile(upload)))),
    );
    expect(published.filter(({ status }) => status === "fulfilled").length).toBe(1);
  });

  it("have one upload under a key, whichever two create it", async () => {
    const stores = await trio();
    const key = { name: samplePart(1).digest, request: samplePart(2).digest };
    const created = await Promise.allSettled(
      stores.map((store) => store.apply({ kind: "create", upload: sampleUpload(1, { key }) })),
    );
    const refused = created.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    expect(refused.map((error) => isHoldfastError(error) && error.code)).toEqual([
      "idempotency_conflict",
      "idempotency_conflict",
    ]);
  });

  it("stay whole where PostgreSQL dies under all of them", { timeout: 120_000 }, async () => {
    const stores = await trio();
    const upload = sampleUpload(300);
    const { id, expiresAt } = upload;
    await stores[0]?.apply({ kind: "create", upload });
    const acknowledged = new Set<number>();
    let isOver = false;
    const working = stores.map(async (store, own) => {
      for (let index = own; index < partCount(upload) && !isOver; index += 3) {
        await store.apply({ kind: "commit", id, parts: [samplePart(index)], expiresAt }).then(
          () => acknowledged.add(index),
          () => undefined,
        );
      }
    });
    for (let times = 0; times < 2; times++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await postgres.kill();
      await postgres.start();
    }
    await Promise.all(working);
    isOver = true;
    const { bits } = (await stores[2]?.parts(id)) ?? { bits: new Uint8Array() };
    const stored = createPartSet(partCount(upload), bits);
    for (const index of acknowledged) {
      expect([index, (stored.bits[index >> 3] ?? 0) & (1 << (index & 7))]).not.toEqual([index, 0]);
    }
    expect(acknowledged.size).toBe(300);
  });
});

describe("who does not share", () => {
  it("is refused while others write, and refuses them while it writes", async () => {
    const address = freshAddress();
    const [store] = await trio(address);
    const alone = await refusal(openPostgresMetadata({ address, place: "here" }));
    expect([alone.code, alone.details["reason"]]).toEqual([
      "metadata_unusable",
      expect.stringContaining("another server uses its records"),
    ]);
    await Promise.all(stops.splice(0).map((stop) => stop()));
    expect((await refusal(store?.upload(sampleUpload(1).id) ?? Promise.resolve())).code).toBe(
      "shutting_down",
    );
    await open(address, { isShared: false });
    const refused = await refusal(openPostgresMetadata({ address, place: "here", isShared: true }));
    expect(refused.details["reason"]).toContain("another server uses its records");
  });

  it("is refused with other bytes", async () => {
    const address = freshAddress();
    await open(address);
    const options = { address, place: "there", isShared: true };
    const other = await refusal(openPostgresMetadata(options));
    expect(other.details["reason"]).toContain("those of other bytes");
  });
});

async function sql(text: string) {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const { rows } = await client.query(text).finally(() => client.end());
  return rows;
}

it("goes on after its session was lost just as another began, however long it has been there", async () => {
  const address = freshAddress();
  const store = await open(address);
  await sql(`UPDATE together${schemas - 1}.writers SET began_at = now() - interval '2 days'`);
  await store.apply({ kind: "create", upload: sampleUpload(3) });
  const ours = "FROM pg_stat_activity WHERE application_name = 'holdfast'";
  await sql(`SELECT pg_terminate_backend(pid) ${ours}`);
  await expect.poll(() => sql(`SELECT pid ${ours}`)).toEqual([]);
  await open(address);
  await store.apply({ kind: "create", upload: sampleUpload(3) });
});

it("leaves no trace of servers that have ended", async () => {
  const address = freshAddress();
  await trio(address);
  const schema = `together${schemas - 1}`;
  expect((await sql(`SELECT id FROM ${schema}.writers`)).length).toBe(3);
  await Promise.all(stops.splice(0).map((stop) => stop()));
  expect(await sql(`SELECT id FROM ${schema}.writers`)).toEqual([]);
  // One that was killed a day ago, and one just now.
  await sql(`INSERT INTO ${schema}.writers (holder, began_at)
    VALUES ('old', now() - interval '25 hours'), ('new', now())`);
  await open(address, { name: "next" });
  const rows = await sql(`SELECT holder FROM ${schema}.writers ORDER BY id`);
  expect(rows).toEqual([{ holder: "new" }, { holder: "next" }]);
});
