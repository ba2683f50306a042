// Signed requests over HTTP, against a real store and the one for tests: what each of them is bound to, and what the server answers about parts that are not there.
import { setTimeout as sleep } from "node:timers/promises";
import { MIB } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { inStores } from "../kit/in-stores.ts";
import {
  askRequests,
  confirmParts,
  otherDigest,
  type SignedPart,
  type Spoiled,
  sendSigned,
  signParts,
} from "../kit/signed.ts";
import {
  ask,
  codeOf,
  completeJob,
  createJob,
  fieldsOf,
  type Job,
  putRun,
  servedDifference,
  statusOf,
  viewOf,
} from "../kit/wire.ts";

const here = inStores("requests");

/** Two parts of 8 MiB, the last one shorter. */
const SIZE = 8 * MIB + 4097;
let seed = 0;

function begin(): Promise<Job> {
  return createJob(here.url(), { seed: ++seed, size: SIZE });
}

async function one(job: Job, index = 1, more: object = {}): Promise<SignedPart> {
  const [signed] = await signParts(here.url(), job, [index], more);
  if (!signed) throw new Error("nothing was signed");
  return signed;
}

/** With one parameter of the address changed. */
function changed(url: string, name: string, change: (value: string) => string): Spoiled {
  const address = new URL(url);
  const value = address.searchParams.get(name);
  if (value === null) throw new Error(`the address has no ${name}`);
  address.searchParams.set(name, change(value));
  return { url: address.href };
}

const flipLast = (text: string): string => text.slice(0, -1) + (text.endsWith("0") ? "1" : "0");
const flipped = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, at) => (at === 99 ? ~byte : byte));

/** What is changed of a request that was signed. */
const SPOILED: readonly (readonly [what: string, spoil: (signed: SignedPart) => Spoiled])[] = [
  ["another method", () => ({ method: "POST" })],
  ["another key", ({ request: { url } }) => ({ url: url.replace("/bytes/", "/bytes/a") })],
  ["another prefix", ({ request: { url } }) => ({ url: url.replace("/requests/", "/others/") })],
  ["another part", ({ request: { url } }) => changed(url, "partNumber", () => "1")],
  ["another upload", ({ request: { url } }) => changed(url, "uploadId", flipLast)],
  [
    "a longer life",
    ({ request: { url } }) => changed(url, "X-Amz-Expires", (value) => `${value}0`),
  ],
  [
    "another time",
    ({ request: { url } }) =>
      changed(url, "X-Amz-Date", (value) =>
        value.replace(/..Z$/, (end) => (end === "00Z" ? "01Z" : "00Z")),
      ),
  ],
  [
    "other credentials",
    ({ request: { url } }) => changed(url, "X-Amz-Credential", (value) => `a${value}`),
  ],
  [
    "fewer signed headers",
    ({ request: { url } }) => changed(url, "X-Amz-SignedHeaders", () => "host"),
  ],
  ["another signature", ({ request: { url } }) => changed(url, "X-Amz-Signature", flipLast)],
  ["another digest", () => ({ headers: { "x-amz-checksum-sha256": otherDigest() } })],
  ["other bytes", ({ bytes }) => ({ bytes: flipped(bytes) })],
  ["fewer bytes", ({ bytes }) => ({ bytes: bytes.subarray(1) })],
  ["more bytes", ({ bytes }) => ({ bytes: new Uint8Array([...bytes, 0]) })],
  ["no bytes", () => ({ bytes: new Uint8Array() })],
];

here.describe(() => {
  describe("a signed request", () => {
    it("leads to the store, brings its part, again too, and the file is the one that was sent", async () => {
      const job = await begin();
      expect((await statusOf(here.url(), job.id)).transfer).toBe("direct");
      const signed = await signParts(here.url(), job, [0, 1]);
      for (const part of signed) {
        expect(part.request.url).toMatch(here.store().url);
        expect(await sendSigned(part)).toBe(200);
        expect(await sendSigned(part)).toBe(200);
      }
      const confirmed = await confirmParts(here.url(), job, [0, 1]);
      expect([confirmed.status, fieldsOf(confirmed).get("committed")]).toEqual([200, 2]);
      const done = await completeJob(here.url(), job.id);
      expect(done.status).toBe(200);
      const url = viewOf(done).file?.url ?? "";
      expect(await servedDifference(here.url(), url, job.content)).toBeUndefined();
      // Whoever kept the address cannot change the file any more.
      for (const part of signed) expect(await sendSigned(part)).toBeGreaterThanOrEqual(400);
      expect(await servedDifference(here.url(), url, job.content)).toBeUndefined();
    });

    it.each(SPOILED)("with %s is refused by the store, and is no part", async (_what, spoil) => {
      const job = await begin();
      const signed = await one(job);
      const status = await sendSigned(signed, spoil(signed));
      // A store may cut off whoever sends more than was signed.
      expect(status === 0 || (status >= 400 && status < 500), `${status}`).toBe(true);
      const confirmed = await confirmParts(here.url(), job, [1]);
      expect([confirmed.status, codeOf(confirmed)]).toEqual([409, "parts_missing"]);
      expect(await sendSigned(signed)).toBe(200);
      expect((await confirmParts(here.url(), job, [1])).status).toBe(200);
    });

    it("is not replaced by other bytes once its part is there", async () => {
      const job = await begin();
      const signed = await signParts(here.url(), job, [0, 1]);
      for (const part of signed) expect(await sendSigned(part)).toBe(200);
      const [first, last] = signed;
      if (!first || !last) throw new Error("two parts were signed");
      for (const part of [first, last]) {
        const status = await sendSigned(part, { bytes: flipped(part.bytes) });
        expect(status >= 400 || status === 0).toBe(true);
      }
      expect((await confirmParts(here.url(), job, [0, 1])).status).toBe(200);
      const url = viewOf(await completeJob(here.url(), job.id)).file?.url ?? "";
      expect(await servedDifference(here.url(), url, job.content)).toBeUndefined();
    });

    it("ends with its time, and another one goes on", async () => {
      const job = await begin();
      const signed = await one(job, 1, { expiresIn: 1 });
      await sleep(2_500);
      expect(await sendSigned(signed)).toBe(403);
      expect(codeOf(await confirmParts(here.url(), job, [1]))).toBe("parts_missing");
      expect(await sendSigned(await one(job))).toBe(200);
      expect((await confirmParts(here.url(), job, [1])).status).toBe(200);
    });

    it("that is held to an address leads to this server, which looks at that", async () => {
      const job = await begin();
      const elsewhere = await one(job, 1, { address: "203.0.113.7" });
      expect(elsewhere.request.url).toMatch(/^\/p\//);
      const atServer = ({ request, ...part }: typeof elsewhere) => ({
        ...part,
        request: { ...request, url: here.url() + request.url },
      });
      expect(await sendSigned(atServer(elsewhere))).toBe(403);
      const right = await one(job, 1, { address: "127.0.0.1" });
      expect(await sendSigned(atServer(right))).toBe(200);
      expect((await confirmParts(here.url(), job, [1])).status).toBe(200);
    });

    it("lives for a day where that is asked for, and no longer", async () => {
      const job = await begin();
      const day = 24 * 60 * 60;
      const { request } = await one(job, 1, { expiresIn: day });
      expect(new URL(request.url).searchParams.get("X-Amz-Expires")).toBe(`${day}`);
      const more = await askRequests(here.url(), job, [1], { expiresIn: day + 1 });
      expect([more.status, codeOf(more)]).toEqual([400, "invalid_request"]);
    });

    it("ends with its upload, whose parts are gone", async () => {
      const job = await begin();
      const [first, last] = await signParts(here.url(), job, [0, 1]);
      if (!first || !last) throw new Error("two parts were signed");
      expect(await sendSigned(first)).toBe(200);
      expect(
        (await ask(here.url(), { method: "DELETE", path: `/v1/uploads/${job.id}` })).status,
      ).toBe(204);
      for (const part of [first, last]) expect(await sendSigned(part)).toBe(404);
      expect((await askRequests(here.url(), job, [1])).status).toBe(410);
      expect((await confirmParts(here.url(), job, [1])).status).toBe(410);
    });
  });

  describe("a late request", () => {
    it("ends with the place that the store has dropped, and another one goes on", async () => {
      const job = await begin();
      const [first, late] = await signParts(here.url(), job, [0, 1]);
      if (!first || !late) throw new Error("two parts were signed");
      expect(await sendSigned(first)).toBe(200);
      expect((await confirmParts(here.url(), job, [0])).status).toBe(200);
      await here.store().drop("requests");
      expect(await sendSigned(late)).toBe(404);
      // The server has to meet that, more than once, before it gives up what it has answered for.
      const uploadOf = ({ request: { url } }: SignedPart) =>
        new URL(url).searchParams.get("uploadId");
      async function another(): Promise<SignedPart> {
        await confirmParts(here.url(), job, [1]);
        return one(job, 1);
      }
      await expect
        .poll(async () => uploadOf(await another()), { timeout: 30_000, interval: 500 })
        .not.toBe(uploadOf(late));
      expect((await statusOf(here.url(), job.id)).offset).toBe(0);
      expect(await sendSigned(late)).toBe(404);
      for (const part of await signParts(here.url(), job, [0, 1])) {
        expect(await sendSigned(part)).toBe(200);
      }
      expect((await confirmParts(here.url(), job, [0, 1])).status).toBe(200);
      const url = viewOf(await completeJob(here.url(), job.id)).file?.url ?? "";
      expect(await sendSigned(late)).toBeGreaterThanOrEqual(400);
      expect(await servedDifference(here.url(), url, job.content)).toBeUndefined();
      // Nothing of the file's is anywhere else.
      const { objects, unfinished } = await here.store().look("requests");
      expect(objects.filter((key) => key.startsWith(`bytes/${job.id}/`))).toHaveLength(1);
      expect(unfinished).toBe(0);
    });

    it("brings its own bytes after it was taken back, and counts for nothing by itself", async () => {
      const job = await begin();
      const [first, last] = await signParts(here.url(), job, [0, 1]);
      if (!first || !last) throw new Error("two parts were signed");
      const path = `/v1/uploads/${job.id}/requests`;
      expect((await ask(here.url(), { method: "DELETE", path })).status).toBe(204);
      expect(await sendSigned(last, { bytes: flipped(last.bytes) })).toBeGreaterThanOrEqual(400);
      expect(await sendSigned(first)).toBe(200);
      const { committed, offset } = await statusOf(here.url(), job.id);
      expect([offset, committed.bits[0]]).toEqual([0, 0]);
      // What ends all of them at once.
      const upload = `/v1/uploads/${job.id}`;
      expect((await ask(here.url(), { method: "DELETE", path: upload })).status).toBe(204);
      for (const part of [first, last]) expect(await sendSigned(part)).toBe(404);
    });
  });

  describe("confirming", () => {
    it("a part that nobody brought is 409 with what is missing", async () => {
      const job = await begin();
      const [first] = await signParts(here.url(), job, [0, 1]);
      if (!first) throw new Error("two parts were signed");
      expect(await sendSigned(first)).toBe(200);
      const reply = await confirmParts(here.url(), job, [0, 1]);
      expect([reply.status, codeOf(reply)]).toEqual([409, "parts_missing"]);
      expect(fieldsOf(reply).get("missing")).toEqual([[1, 2]]);
      // What is there counts all the same.
      expect((await statusOf(here.url(), job.id)).offset).toBe(8 * MIB);
    });

    it("a part that nothing was signed for is 409", async () => {
      const job = await begin();
      const reply = await confirmParts(here.url(), job, [0]);
      expect([reply.status, codeOf(reply)]).toEqual([409, "parts_missing"]);
    });

    it.each(["before it is there", "after it is there", "after it is committed"])(
      "with another digest %s is 409, and so is asking for a request",
      async (when) => {
        const job = await begin();
        const signed = await one(job);
        if (when !== "before it is there") expect(await sendSigned(signed)).toBe(200);
        if (when === "after it is committed") {
          expect((await confirmParts(here.url(), job, [1])).status).toBe(200);
        }
        const other = { parts: [{ index: 1, digest: otherDigest() }] };
        for (const reply of [
          await confirmParts(here.url(), job, [1], other),
          await askRequests(here.url(), job, [1], other),
        ]) {
          expect([reply.status, codeOf(reply)]).toEqual([409, "part_conflict"]);
          const isCommitted = when === "after it is committed";
          expect(fieldsOf(reply).get("committed") !== false).toBe(isCommitted);
        }
      },
    );

    it("a part outside the grid, or none, is refused", async () => {
      const job = await begin();
      const outside = { parts: [{ index: 2, digest: otherDigest() }] };
      expect(codeOf(await confirmParts(here.url(), job, [0], outside))).toBe("part_out_of_range");
      expect(codeOf(await confirmParts(here.url(), job, [0], { parts: [] }))).toBe(
        "invalid_request",
      );
    });
  });

  it("a part may come through the server beside one that goes straight to the store", async () => {
    const job = await begin();
    const signed = await one(job, 1);
    const [through, straight] = await Promise.all([
      putRun(here.url(), job, [0, 1]),
      sendSigned(signed),
    ]);
    expect([through.status, straight]).toEqual([200, 200]);
    // The same part both ways is the same part.
    expect((await putRun(here.url(), job, [1, 2])).status).toBe(200);
    const done = await completeJob(here.url(), job.id);
    expect(
      await servedDifference(here.url(), viewOf(done).file?.url ?? "", job.content),
    ).toBeUndefined();
  });
});
