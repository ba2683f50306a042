// Files that are everybody's: who makes them so, what caches are told, and that nothing else is ever told so.
import { createHash } from "node:crypto";
import { encodeDigest, HoldfastError } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { openPolicy } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemRandom } from "../../platform.ts";
import { createTokenPolicy } from "../../policy/policy.ts";
import type { TokenEntry, TokenTable } from "../../policy/table.ts";
import { makeToken } from "../../policy/token.ts";
import { type Answer, ask, startTestServer, type TestServer } from "../server.fixture.ts";

const CONTENT = Buffer.alloc(100_000, "public ");
const KEPT = "public, max-age=31536000, immutable";

let table: Map<string, TokenEntry>;
let server: TestServer;
let ann: Record<string, string>;
beforeEach(async () => {
  table = new Map();
  const tokens = (): TokenTable => table;
  server = await startTestServer({
    parts: { policy: createTokenPolicy({ tokens }) },
    origins: ["https://app.example"],
  });
  ann = somebody("acme", "read", "write");
});
afterEach(() => server.close());

function somebody(tenant: string, ...scopes: TokenEntry["scopes"]): Record<string, string> {
  const { text, id, hash } = makeToken(systemRandom);
  table.set(id, { id, hash, name: "", tenant, principal: "p", createdAt: 0, scopes });
  return { authorization: `Bearer ${text}` };
}

async function post(name = "a.txt", type = "text/plain"): Promise<string> {
  const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(name)}`;
  const headers = { ...ann, "content-disposition": disposition, "content-type": type };
  const answer = await ask(server, { method: "POST", path: "/v1/files", headers, body: CONTENT });
  expect(answer.status).toBe(201);
  return String(answer.json["id"]);
}

const publish = (id: string, as = ann) =>
  ask(server, { method: "PUT", path: `/v1/files/${id}/public`, headers: as });
const hide = (id: string, as = ann) =>
  ask(server, { method: "DELETE", path: `/v1/files/${id}/public`, headers: as });
const get = (path: string, headers = {}, method = "GET") => ask(server, { method, path, headers });

/** What caches are told: of what is refused, nothing that they might keep. */
const kept = ({ status, headers }: Answer) => [status, headers["cache-control"]];

describe("a public file", () => {
  it("is read by everybody at an address of its own, and kept for a year", async () => {
    const id = await post();
    expect(kept(await get(`/public/${id}`))).toEqual([404, "no-store"]);
    const made = await publish(id);
    expect([made.status, made.json]).toEqual([200, { url: `/public/${id}` }]);
    expect((await publish(id)).json).toEqual(made.json);
    const whole = await get(`/public/${id}`);
    expect(whole.bytes.equals(CONTENT)).toBe(true);
    expect(whole.headers).toMatchObject({
      "cache-control": KEPT,
      "access-control-allow-origin": "*",
      "cross-origin-resource-policy": "cross-origin",
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "content-type": "text/plain",
    });
    expect(whole.headers["content-disposition"]).toMatch(/^attachment;/);
    expect(whole.headers.vary).toBeUndefined();
    const head = await get(`/public/${id}`, {}, "HEAD");
    expect([...kept(head), head.headers["content-length"]]).toEqual([200, KEPT, "100000"]);
    const { etag = "" } = whole.headers;
    const again = await get(`/public/${id}`, { "if-none-match": etag });
    expect([...kept(again), again.headers.etag]).toEqual([304, KEPT, etag]);
    const range = await get(`/public/${id}`, { range: "bytes=7-13", "if-range": etag });
    expect([...kept(range), range.bytes.toString()]).toEqual([206, KEPT, "public "]);
    const several = await get(`/public/${id}`, { range: "bytes=0-0,9-9" });
    expect(kept(several)).toEqual([206, KEPT]);
    const manifest = await get(`/public/${id}/manifest`);
    expect([...kept(manifest), manifest.json["size"]]).toEqual([200, KEPT, CONTENT.length]);
    const digest = encodeDigest("sha-256", createHash("sha256").update(CONTENT).digest());
    const asked = await get(`/public/${id}`, { "want-content-digest": "sha-256=10" });
    expect(asked.headers["content-digest"]).toBe(digest);
  });

  it("is not kept where it is not sent", async () => {
    const id = await post();
    await publish(id);
    const none = await get(`/public/${id}`, { range: "bytes=900000-" });
    expect(kept(none)).toEqual([416, "no-store"]);
    expect(kept(await get(`/public/${id}`, { "if-match": '"no"' }))).toEqual([412, "no-store"]);
    expect(kept(await get(`/public/${"a".repeat(26)}`))).toEqual([404, "no-store"]);
    expect(kept(await get("/public/x"))).toEqual([404, "no-store"]);
    expect((await get(`/public/${id}`, ann, "DELETE")).status).toBe(405);
  });

  it("is private under every other address, whoever asks", async () => {
    const id = await post();
    await publish(id);
    const own = await get(`/v1/files/${id}`, ann);
    expect(own.headers).toMatchObject({
      "cache-control": "private, no-cache",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(own.headers["access-control-allow-origin"]).toBeUndefined();
    expect((await get(`/v1/files/${id}`)).status).toBe(401);
    const made = await get(`/v1/files/${id}/links`, ann, "POST");
    const linked = await get(String(made.json["url"]));
    expect(kept(linked)).toEqual([200, "private, no-cache"]);
    const manifest = await get(`/v1/files/${id}/manifest`, ann);
    expect(kept(manifest)).toEqual([200, "private, no-cache"]);
    const same = await get(`/v1/files/${id}`, { ...ann, "if-none-match": "*" });
    expect(kept(same)).toEqual([304, "private, no-cache"]);
  });

  it("is private again when somebody says so, and gone when it is removed", async () => {
    const [id, other] = [await post(), await post()];
    for (const one of [id, other]) await publish(one);
    for (let times = 0; times < 2; times++) expect((await hide(id)).status).toBe(204);
    for (const path of [`/public/${id}`, `/public/${id}/manifest`]) {
      expect(kept(await get(path))).toEqual([404, "no-store"]);
    }
    expect((await get(`/v1/files/${id}`, ann)).status).toBe(200);
    await get(`/v1/files/${other}`, ann, "DELETE");
    expect(kept(await get(`/public/${other}`))).toEqual([404, "no-store"]);
    await publish(id);
    expect((await get(`/public/${id}`)).status).toBe(200);
  });

  it("is made so by who may read and write it, and by nobody else", async () => {
    const id = await post();
    const cases = [
      [somebody("acme", "read"), 403],
      [somebody("acme", "write"), 403],
      [somebody("evil", "read", "write"), 404],
      [{}, 401],
    ] as const;
    for (const [as, status] of cases) {
      expect([(await publish(id, as)).status, (await hide(id, as)).status]).toEqual([
        status,
        status,
      ]);
    }
    expect((await get(`/public/${id}`)).status).toBe(404);
    // By a link nobody changes anything.
    const made = await get(`/v1/files/${id}/links`, ann, "POST");
    const query = String(made.json["url"]).replace(/^[^?]*/, "");
    expect((await get(`/v1/files/${id}/public${query}`, {}, "PUT")).status).toBe(401);
  });

  it("outlives the token that made it so", async () => {
    const id = await post();
    await publish(id);
    table.clear();
    expect((await get(`/public/${id}`)).status).toBe(200);
  });

  it("runs nothing, whatever it is called and says that it is", async () => {
    for (const type of ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"]) {
      const id = await post('x"\\\r\n\u202e.html'.replaceAll(/[\\\r\n\u202e]/g, "_"), type);
      await publish(id);
      const { headers } = await get(`/public/${id}`);
      expect(headers["content-type"]).toBe("application/octet-stream");
      expect(headers["content-disposition"]).toMatch(/^attachment; filename=/);
      expect(headers["content-security-policy"]).toBe("sandbox; default-src 'none'");
    }
  });

  it("keeps nobody from working: its readers are counted by themselves", async () => {
    const few = await startTestServer({ requestsMax: 1, parts: { policy: openPolicy } });
    try {
      expect((await ask(few, { path: `/public/${"a".repeat(26)}` })).status).toBe(404);
      expect((await ask(few, { path: "/livez" })).status).toBe(200);
    } finally {
      await few.close();
    }
  });

  it("says 503 where nobody can know whether it is public", async () => {
    const metadata = createMemoryMetadata();
    const failing = {
      ...metadata,
      file: () => Promise.reject(new HoldfastError("storage_failed")),
    };
    const broken = await startTestServer({ parts: { metadata: failing } });
    try {
      const answer = await ask(broken, { path: `/public/${"a".repeat(26)}` });
      expect(kept(answer)).toEqual([503, "no-store"]);
    } finally {
      await broken.close();
    }
  });
});
