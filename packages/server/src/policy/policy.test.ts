// Who comes in with what, and what they may do.
import type { Action } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { describe, expect, it } from "vitest";
import { createTokenPolicy, type TokenPolicyOptions } from "./policy.ts";
import type { Scope, TokenEntry, TokenTable } from "./table.ts";
import { makeToken } from "./token.ts";

const random = createRandom("tokens");

function token(more: Partial<TokenEntry> = {}): { text: string; entry: TokenEntry } {
  const { text, id, hash } = makeToken(random);
  const scopes: readonly Scope[] = ["read", "write"];
  const who = { name: "laptop", tenant: "acme", principal: "ann" };
  return { text, entry: { id, hash, ...who, scopes, createdAt: 0, ...more } };
}

function tableOf(...entries: readonly TokenEntry[]): TokenTable {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

function policyOf(entries: readonly TokenEntry[], more: TokenPolicyOptions = {}) {
  return createTokenPolicy({ tokens: () => tableOf(...entries), ...more });
}

const bearer = (text: string) => `Bearer ${text}`;

describe("coming in", () => {
  it("needs nothing where there is no token at all", async () => {
    const policy = createTokenPolicy();
    expect(policy.needsToken()).toBe(false);
    const principal = await policy.authenticate(undefined);
    expect(principal).toMatchObject({ id: "local", tenant: "local" });
    await policy.decide(principal, "administer", principal);
  });

  it("needs a token from the moment that there is one, also for who came in before", async () => {
    let table: TokenTable | undefined;
    const policy = createTokenPolicy({ tokens: () => table });
    const before = await policy.authenticate(undefined);
    const { entry, text } = token();
    table = tableOf(entry);
    expect(policy.needsToken()).toBe(true);
    await expect(policy.authenticate(undefined)).rejects.toMatchObject({ code: "unauthorized" });
    const decided = policy.decide(before, "read", before);
    await expect(decided).rejects.toMatchObject({ code: "unauthorized" });
    expect(await policy.authenticate(bearer(text))).toMatchObject({ id: "ann", tenant: "acme" });
  });

  it.each<readonly [string, TokenTable | undefined]>([
    ["of a server that is open to everybody still", undefined],
    ["beside others", tableOf(token().entry)],
  ])("is for who has a token that was made a moment ago: %s", async (_, before) => {
    const { entry, text } = token();
    let table = before;
    const policy = createTokenPolicy({
      tokens: () => table,
      latestTokens: () => {
        table = tableOf(...(before?.values() ?? []), entry);
        return table;
      },
    });
    expect(await policy.authenticate(bearer(text))).toMatchObject({ id: "ann", tenant: "acme" });
    const wrong = policy.authenticate(
      bearer(`${text.slice(0, -1)}${text.endsWith("a") ? "b" : "a"}`),
    );
    await expect(wrong).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("stays closed when the last token is revoked", async () => {
    const policy = policyOf([]);
    expect(policy.needsToken()).toBe(true);
    await expect(policy.authenticate(undefined)).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("lets the server's own token in beside the others", async () => {
    const { entry, text } = token();
    const policy = policyOf([entry], { token: "simple" });
    expect(await policy.authenticate("bearer simple")).toMatchObject({ tenant: "local" });
    expect(await policy.authenticate(bearer(text))).toMatchObject({ tenant: "acme" });
  });

  const { entry, text } = token();
  const other = token();
  it.each([
    ["none", undefined],
    ["an empty one", "Bearer "],
    ["another scheme", `Basic ${text}`],
    ["no scheme", text],
    ["an unknown id", bearer(other.text)],
    ["another's secret", bearer(`hf_${entry.id}_${other.text.slice(-32)}`)],
    ["no secret", bearer(`hf_${entry.id}_`)],
    ["the hash in place of the secret", bearer(`hf_${entry.id}_${entry.hash}`)],
    ["capitals", bearer(text.toUpperCase())],
    ["something behind", bearer(`${text}a`)],
    ["two", `${bearer(text)}, ${bearer(text)}`],
    ["a member of every object", bearer(`hf___proto___${"a".repeat(32)}`)],
  ])("refuses %s", async (_name, authorization) => {
    const policy = policyOf([entry], { token: "simple" });
    const refused = policy.authenticate(authorization);
    await expect(refused).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("ends with the token's time, on the millisecond, also for who came in before", async () => {
    let now = 999;
    const { entry, text } = token({ expiresAt: 1000 });
    const policy = policyOf([entry], { now: () => now });
    const principal = await policy.authenticate(bearer(text));
    await policy.decide(principal, "read", principal);
    now = 1000;
    const expired = { code: "unauthorized", message: "the token has expired" };
    await expect(policy.authenticate(bearer(text))).rejects.toMatchObject(expired);
    await expect(policy.decide(principal, "read", principal)).rejects.toMatchObject(expired);
    await expect(policy.recall(entry.id)).rejects.toMatchObject(expired);
  });

  it("does not tell who has no right secret that a token has expired", async () => {
    const { entry } = token({ expiresAt: 1 });
    const policy = policyOf([entry], { now: () => 2 });
    const guessed = policy.authenticate(bearer(`hf_${entry.id}_${"a".repeat(32)}`));
    await expect(guessed).rejects.toMatchObject({ message: "the token is wrong" });
  });

  it("is refused by nobody's guess where the tokens cannot be read", async () => {
    const tokens = () => {
      throw new HoldfastError("storage_failed");
    };
    const policy = createTokenPolicy({ tokens });
    const { text } = token();
    expect(policy.needsToken()).toBe(true);
    for (const sent of [undefined, bearer(text)]) {
      await expect(policy.authenticate(sent)).rejects.toMatchObject({ code: "storage_failed" });
    }
  });
});

describe("what one may do", () => {
  const allowed: Readonly<Record<Scope, readonly Action[]>> = {
    read: ["read"],
    write: ["create", "write", "delete"],
    admin: ["read", "create", "write", "delete", "administer"],
  };
  const actions: readonly Action[] = ["read", "create", "write", "delete", "administer"];
  const cases = Object.entries(allowed).flatMap(([scope, may]) =>
    actions.map((action) => [scope, action, may.includes(action)] as const),
  );
  it.each(cases)("scope %s, %s: %s", async (scope, action, may) => {
    const scopes = (["read", "write", "admin"] as const).filter((known) => known === scope);
    const { entry, text } = token({ scopes });
    const policy = policyOf([entry]);
    const principal = await policy.authenticate(bearer(text));
    const decided = policy.decide(principal, action, principal);
    if (may) await decided;
    else await expect(decided).rejects.toMatchObject({ code: "forbidden" });
  });

  it("changes with the table at once: revoked, or with fewer scopes", async () => {
    const { entry, text } = token();
    let table = tableOf(entry);
    const policy = createTokenPolicy({ tokens: () => table });
    const principal = await policy.authenticate(bearer(text));
    await policy.decide(principal, "write", principal);
    table = tableOf({ ...entry, scopes: ["read"] });
    const lacking = { code: "forbidden", details: { scope: "write" } };
    await expect(policy.decide(principal, "write", principal)).rejects.toMatchObject(lacking);
    table = tableOf();
    const gone = { code: "unauthorized" };
    await expect(policy.decide(principal, "read", principal)).rejects.toMatchObject(gone);
    await expect(policy.recall(entry.id)).rejects.toMatchObject(gone);
  });

  it("hangs on the secret: the same id or name with another one is somebody else", async () => {
    const { entry, text } = token();
    let table = tableOf(entry);
    const policy = createTokenPolicy({ tokens: () => table, token: "first" });
    const ann = await policy.authenticate(bearer(text));
    const admin = await policy.authenticate("Bearer first");
    table = tableOf({ ...entry, hash: token().entry.hash });
    const gone = { code: "unauthorized" };
    await expect(policy.decide(ann, "read", ann)).rejects.toMatchObject(gone);
    const next = createTokenPolicy({ tokens: () => table, token: "second" });
    await expect(next.decide(admin, "read", admin)).rejects.toMatchObject(gone);
    expect((await next.recall("server")).credential).not.toBe(admin.credential);
    expect(JSON.stringify(admin)).not.toContain("first");
  });

  it("ends at the tenant's border, whatever the scopes", async () => {
    const { entry, text } = token({ scopes: ["admin"] });
    const policy = policyOf([entry]);
    const principal = await policy.authenticate(bearer(text));
    const decided = policy.decide(principal, "read", { tenant: "other" });
    await expect(decided).rejects.toMatchObject({ code: "forbidden" });
  });

  it("comes with the limits of the server, under those of the token", async () => {
    const { entry, text } = token({ limits: { sizeMax: 10 } });
    const policy = policyOf([entry], { token: "simple", limits: { sizeMax: 5, openMax: 3 } });
    const both = { limits: { sizeMax: 10, openMax: 3 } };
    expect(await policy.authenticate(bearer(text))).toMatchObject(both);
    expect(await policy.recall(entry.id)).toMatchObject(both);
    const own = { limits: { sizeMax: 5, openMax: 3 } };
    expect(await policy.authenticate("Bearer simple")).toMatchObject(own);
  });
});

describe("a token", () => {
  it("has 160 random bits, and none of them twice", () => {
    const asked: number[] = [];
    const made = Array.from({ length: 1000 }, () =>
      makeToken({
        bytes(size) {
          asked.push(size);
          return random.bytes(size);
        },
      }),
    );
    expect(new Set(made.map(({ text }) => text)).size).toBe(1000);
    expect(Math.max(...asked) * 8).toBeGreaterThanOrEqual(160);
    for (const { text, id } of made) {
      expect(text).toMatch(/^hf_[a-z2-7]{8}_[a-z2-7]{32}$/);
      expect(text).toContain(`hf_${id}_`);
    }
  });
});
