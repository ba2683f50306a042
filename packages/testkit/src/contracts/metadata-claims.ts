// The contract of claims between hosts: who holds one, how it passes on, what it guards, and the version that tells that an upload has changed.
import type { Change, Claim, UploadRecord } from "@holdfast/engine";
import { MIB, UPLOAD_STATES } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import {
  sampleCommit,
  sampleFile,
  samplePart,
  samplePlace,
  samplePublish,
  sampleUpload,
} from "../metadata/samples.ts";
import { type MetadataBench, refusal } from "./metadata-bench.ts";

export function describeMetadataClaims(bench: MetadataBench): void {
  describeClaim(bench);
  describeToken(bench);
  describeVersion(bench);
}

/** Longer than any test takes. */
const LONG_MS = 1e9;

type Take = Extract<Change, { readonly kind: "claim" }>;

function takeOf(
  { id }: UploadRecord,
  holder: string,
  token: number,
  given: Partial<Pick<Take, "lifeMs" | "patienceMs">> = {},
): Take {
  return { kind: "claim", id, holder, token, lifeMs: LONG_MS, ...given };
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function describeClaim(bench: MetadataBench): void {
  const apply = (change: Change) => bench.store().apply(change);
  const claimOf = async ({ id }: UploadRecord): Promise<Claim | undefined> =>
    (await bench.store().upload(id))?.claim;

  /** That it was refused, and which token stands. */
  async function expectLost(applied: Promise<unknown>, token: number): Promise<void> {
    expect(await refusal(applied)).toMatchObject({ code: "claim_lost", details: { token } });
  }

  describe("claim", () => {
    it("is nobody's at first, then its holder's, over a new start", async () => {
      const upload = await bench.uploadIn("open");
      expect(await claimOf(upload)).toBeUndefined();
      await bench.applyAll(takeOf(upload, "a", 1), takeOf(upload, "a", 1));
      await bench.reopen();
      expect(await claimOf(upload)).toEqual({ token: 1, holder: "a", isWanted: false });
    });
    it("is refused while another holds it, whatever token is asked for", async () => {
      const upload = await bench.uploadIn("open");
      await apply(takeOf(upload, "a", 1));
      for (const token of [0, 1, 2, 3]) await expectLost(apply(takeOf(upload, "b", token)), 1);
      await expectLost(apply(takeOf(upload, "a", 2)), 1);
      expect(await claimOf(upload)).toEqual({ token: 1, holder: "a", isWanted: false });
    });
    it("goes to one of those that have seen the same", async () => {
      const upload = await bench.uploadIn("open");
      const outcomes = await Promise.allSettled(
        ["a", "b", "c"].map((holder) => apply(takeOf(upload, holder, 1))),
      );
      const statuses = outcomes.map(({ status }) => status);
      expect(statuses).toEqual(["fulfilled", "rejected", "rejected"]);
      expect(await claimOf(upload)).toMatchObject({ token: 1, holder: "a" });
    });
    it("may be taken once its time is over by the store's clock, with the next token only", async () => {
      const upload = await bench.uploadIn("open");
      await apply(takeOf(upload, "a", 1, { lifeMs: 300 }));
      await expectLost(apply(takeOf(upload, "b", 2)), 1);
      await pause(350);
      for (const token of [1, 3]) await expectLost(apply(takeOf(upload, "b", token)), 1);
      await apply(takeOf(upload, "b", 2));
      expect(await claimOf(upload)).toEqual({ token: 2, holder: "b", isWanted: false });
    });
    it("tells who comes too early how long it lasts, and nobody else", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const leftOf = async (change: Change) => (await refusal(apply(change))).details["leftMs"];
      await apply(takeOf(upload, "a", 1, { lifeMs: 20_000 }));
      const left = Number(await leftOf(takeOf(upload, "b", 2)));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(20_000);
      await apply({ kind: "renew", id, token: 1, lifeMs: LONG_MS });
      expect(await leftOf(takeOf(upload, "b", 2))).toBeGreaterThan(20_000);
      await apply({ kind: "release", id, token: 1 });
      expect(await leftOf(takeOf(upload, "b", 1))).toBe(undefined);
    });
    it("goes on where it is renewed, late too, and never for less than it had", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      await bench.applyAll(
        takeOf(upload, "a", 1, { lifeMs: 0 }),
        { kind: "renew", id, token: 1, lifeMs: LONG_MS },
        { kind: "renew", id, token: 1, lifeMs: 0 },
      );
      await expectLost(apply(takeOf(upload, "b", 2)), 1);
    });
    it("is renewed by nobody who has lost it or let it go", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const renew = { kind: "renew", id, lifeMs: LONG_MS } as const;
      await expectLost(apply({ ...renew, token: 1 }), 0);
      await bench.applyAll(takeOf(upload, "a", 1, { lifeMs: 0 }), takeOf(upload, "b", 2));
      await expectLost(apply({ ...renew, token: 1 }), 2);
      await apply({ kind: "release", id, token: 2 });
      await expectLost(apply({ ...renew, token: 2 }), 2);
    });
    it("passes on where it is let go, and the token goes on from there", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const release = { kind: "release", id, token: 1 } as const;
      await bench.applyAll(
        takeOf(upload, "a", 1),
        { kind: "want", id, token: 1 },
        release,
        release,
      );
      expect(await claimOf(upload)).toEqual({ token: 1, isWanted: false });
      await expectLost(apply(takeOf(upload, "b", 1)), 1);
      await apply(takeOf(upload, "b", 2));
      // Too late to let go of what is another's by now.
      await apply(release);
      expect(await claimOf(upload)).toEqual({ token: 2, holder: "b", isWanted: false });
    });
    it("tells its holder that it is wanted, until it has passed on", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const want = { kind: "want", id, token: 1 } as const;
      await apply(want);
      expect(await claimOf(upload)).toBeUndefined();
      await bench.applyAll(takeOf(upload, "a", 1), want);
      await bench.reopen();
      expect(await claimOf(upload)).toEqual({ token: 1, holder: "a", isWanted: true });
      await bench.applyAll(takeOf(upload, "b", 2, { patienceMs: 0 }), want);
      expect(await claimOf(upload)).toEqual({ token: 2, holder: "b", isWanted: false });
    });
    it("is taken from a holder that does not let go, some time after it was first wanted", async () => {
      const upload = await bench.uploadIn("open");
      const { id } = upload;
      const want = { kind: "want", id, token: 1 } as const;
      const take = takeOf(upload, "b", 2, { patienceMs: 400 });
      await apply(takeOf(upload, "a", 1));
      await expectLost(apply({ ...take, patienceMs: 0 }), 1);
      await apply(want);
      await pause(200);
      await bench.applyAll(want, { kind: "renew", id, token: 1, lifeMs: LONG_MS });
      await expectLost(apply(take), 1);
      await expectLost(apply(takeOf(upload, "b", 2)), 1);
      await pause(250);
      await apply(take);
      expect(await claimOf(upload)).toMatchObject({ token: 2, holder: "b" });
    });
    it("is taken in every state: what has ended is cleared by one server too", async () => {
      for (const state of UPLOAD_STATES) {
        const upload = await bench.uploadIn(state);
        await apply(takeOf(upload, "a", 1));
        expect(await bench.store().upload(upload.id)).toMatchObject({ state, claim: { token: 1 } });
      }
    });
    it("is nothing without an upload", async () => {
      const upload = sampleUpload(1);
      const { id } = upload;
      const changes: readonly Change[] = [
        takeOf(upload, "a", 1),
        { kind: "renew", id, token: 1, lifeMs: 1 },
        { kind: "want", id, token: 1 },
        { kind: "release", id, token: 1 },
      ];
      for (const change of changes) {
        expect((await refusal(apply(change))).code).toBe("upload_not_found");
      }
    });
  });
}

type GuardedKind = "append" | "withdraw" | "seal" | "reopen" | "publish" | "end" | "expire";
type Guarded = Extract<Change, { readonly kind: GuardedKind }>;

/** What is conditional on a token, by the state that it starts from. A move is besides: it needs a place. */
const GUARDED: readonly (readonly [UploadRecord["state"], (upload: UploadRecord) => Guarded])[] = [
  ["open", ({ id, expiresAt }) => ({ kind: "append", id, at: MIB - 1, parts: [], expiresAt })],
  ["open", ({ id }) => ({ kind: "withdraw", id, indexes: [0], at: 7 })],
  ["open", ({ id }) => ({ kind: "seal", id, epoch: 0 })],
  ["open", ({ id, expiresAt }) => ({ kind: "expire", id, now: expiresAt })],
  ["open", ({ id }) => ({ kind: "end", id, state: "aborted", at: 7 })],
  ["completing", ({ id }) => ({ kind: "reopen", id, error: { code: "internal", detail: "" } })],
  ["completing", (upload) => samplePublish(sampleFile(upload))],
];

function describeToken(bench: MetadataBench): void {
  const apply = (change: Change) => bench.store().apply(change);

  describe("a token", () => {
    for (const [state, make] of GUARDED) {
      const { kind } = make(sampleUpload(1));
      it(`guards ${kind}: it is refused once the claim is another's, and changes nothing`, async () => {
        const upload = await bench.uploadIn(state);
        const change = make(upload);
        await bench.applyAll(takeOf(upload, "a", 1, { lifeMs: 0 }), takeOf(upload, "b", 2));
        const before = await bench.versioned().upload(upload.id);
        for (const token of [0, 1, 3]) {
          const refused = await refusal(apply({ ...change, token }));
          expect(refused).toEqual({ code: "claim_lost", details: { token: 2 } });
        }
        expect(await bench.versioned().upload(upload.id)).toEqual(before);
        expect(await bench.outbox()).toEqual([]);
        await apply({ ...change, token: 2 });
      });
      it(`lets ${kind} through while nobody has taken the claim, and without one`, async () => {
        const [late, alone] = [await bench.uploadIn(state), await bench.uploadIn(state)];
        await bench.applyAll(takeOf(late, "a", 1, { lifeMs: 0 }), takeOf(alone, "a", 1));
        await apply({ ...make(late), token: 1 });
        await apply(make(alone));
      });
      it(`refuses ${kind} of a holder that has let go, and of one that never had it`, async () => {
        const upload = await bench.uploadIn(state);
        const { id } = upload;
        const change = { ...make(upload), token: 1 };
        const none = { code: "claim_lost", details: { token: 0 } };
        expect(await refusal(apply(change))).toEqual(none);
        await bench.applyAll(takeOf(upload, "a", 1), { kind: "release", id, token: 1 });
        expect((await refusal(apply(change))).code).toBe("claim_lost");
      });
    }
    it("guards a move", async () => {
      const upload = sampleUpload(1);
      const { id } = upload;
      const [instead, place] = [samplePlace(0), samplePlace(1)];
      const move = { kind: "move", id, place, instead, kept: [], at: 7 } as const;
      await bench.applyAll({ kind: "create", upload }, { kind: "place", id, place: instead });
      await bench.applyAll(takeOf(upload, "a", 1, { lifeMs: 0 }), takeOf(upload, "b", 2));
      expect((await refusal(apply({ ...move, token: 1 }))).code).toBe("claim_lost");
      expect((await bench.store().upload(id))?.place).toBe(instead);
      await apply({ ...move, token: 2 });
    });
    it("is asked for before an append's offset: what another has appended is no mistake of a client", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      const append = { kind: "append", id, at: 0, parts: [], expiresAt } as const;
      expect((await refusal(apply(append))).code).toBe("offset_mismatch");
      expect((await refusal(apply({ ...append, token: 1 }))).code).toBe("claim_lost");
    });
    it("is not asked for again where it has happened: an append, an end, a publish", async () => {
      const upload = sampleUpload(2);
      const { id, expiresAt } = upload;
      const append = { kind: "append", id, at: 0, parts: [samplePart(0)], expiresAt } as const;
      const publish = samplePublish(sampleFile(upload));
      const ended = await bench.uploadIn("open");
      const end = { kind: "end", id: ended.id, state: "aborted", at: 7, token: 1 } as const;
      await bench.applyAll({ kind: "create", upload }, takeOf(upload, "a", 1, { lifeMs: 0 }));
      await bench.applyAll({ ...append, token: 1 }, takeOf(upload, "b", 2, { lifeMs: 0 }));
      await bench.applyAll({ ...append, token: 1 }, sampleCommit(upload, 1));
      await bench.applyAll({ kind: "seal", id, epoch: 0, token: 2 }, { ...publish, token: 2 });
      await bench.applyAll(takeOf(upload, "c", 3), { ...publish, token: 2 });
      await bench.applyAll(takeOf(ended, "a", 1, { lifeMs: 0 }), end, takeOf(ended, "b", 2), end);
    });
  });
}

function describeVersion(bench: MetadataBench): void {
  describe("the version", () => {
    const versionOf = async ({ id }: UploadRecord) => (await bench.versioned().upload(id))?.version;

    it("is raised once by each change of an upload or of its parts", async () => {
      const upload = sampleUpload(2, { hasSize: false, size: 2 * MIB });
      const { id, expiresAt } = upload;
      const [place, other] = [samplePlace(0), samplePlace(1)];
      const error = { code: "internal", detail: "" };
      const changes: readonly Change[] = [
        { kind: "place", id, place },
        { kind: "bind", id, place, size: 2 * MIB, parts: [samplePart(0)] },
        { kind: "commit", id, place, parts: [samplePart(0)], expiresAt },
        { kind: "fix-size", id, size: 2 * MIB },
        { kind: "move", id, place: other, instead: place, kept: [0], at: 7 },
        { kind: "append", id, place: other, at: MIB, parts: [samplePart(1)], expiresAt },
        { kind: "revoke", id, epoch: 1 },
        { kind: "seal", id, epoch: 2 },
        { kind: "told", id },
        { kind: "reopen", id, error },
        { kind: "end", id, state: "failed", at: 7 },
        { kind: "cleared", id },
      ];
      await bench.store().apply({ kind: "create", upload });
      expect(await versionOf(upload)).toBe(0);
      for (const [at, change] of changes.entries()) {
        const made = await bench.store().apply(change);
        expect(made, change.kind).toBe(bench.isShared() ? at + 1 : undefined);
        expect(await versionOf(upload), change.kind).toBe(at + 1);
      }
      await bench.reopen();
      expect(await versionOf(upload)).toBe(changes.length);
    });
    it("is raised by a withdrawal, the expiry, and by what makes a file of an upload", async () => {
      const [withdrawn, expired] = [await bench.uploadIn("open"), await bench.uploadIn("open")];
      const { id, expiresAt } = expired;
      await bench.applyAll(
        { kind: "withdraw", id: withdrawn.id, indexes: [0], at: 7 },
        { kind: "expire", id, now: expiresAt },
      );
      expect([await versionOf(withdrawn), await versionOf(expired)]).toEqual([2, 2]);
      expect(await versionOf(await bench.uploadIn("complete"))).toBe(3);
    });
    it("is told to each of those whose changes come at once", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      const commit = { kind: "commit", id, parts: [samplePart(0)], expiresAt } as const;
      const made = await Promise.all([1, 2, 3].map(() => bench.store().apply(commit)));
      expect(made).toEqual(bench.isShared() ? [2, 3, 4] : [undefined, undefined, undefined]);
    });
    it("is made by no change that has happened already, and by none of a claim", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      const changes: readonly Change[] = [
        { kind: "create", upload },
        takeOf(upload, "a", 1),
        { kind: "release", id, token: 1 },
      ];
      for (const change of changes) expect(await bench.store().apply(change)).toBe(undefined);
      const append = { kind: "append", id, at: MIB - 1, parts: [], expiresAt } as const;
      await bench.store().apply(append);
      const end = { kind: "end", id, state: "aborted", at: 7 } as const;
      await bench.store().apply(end);
      expect(await bench.store().apply(end)).toBe(undefined);
    });
    it("stays where nothing happens, and in what is done to its claim", async () => {
      const upload = await bench.uploadIn("open");
      const { id, expiresAt } = upload;
      const parts = [samplePart(0, 1)];
      await refusal(bench.store().apply({ kind: "commit", id, parts, expiresAt }));
      await bench.applyAll(
        { kind: "create", upload },
        takeOf(upload, "a", 1),
        { kind: "want", id, token: 1 },
        { kind: "renew", id, token: 1, lifeMs: 1 },
        { kind: "release", id, token: 1 },
      );
      expect(await versionOf(upload)).toBe(1);
    });
  });
}
