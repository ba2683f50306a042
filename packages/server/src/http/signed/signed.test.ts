// Signed part requests and read links: what they open, and that no field, no time and no place of theirs can be changed.
import type { EngineParts, Policy, Principal } from "@holdfast/engine";
import {
  decodeUpload,
  encodeBase64,
  HoldfastError,
  KIB,
  type UploadView,
} from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { partDigests, runBytes, sha256 } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Keyring, keyringOf } from "../../keys/keyring.ts";
import {
  type Answer,
  ask,
  putRequest,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const CONTENT = Buffer.alloc(600 * KIB, "holdfast ");
const OTHER = Buffer.alloc(600 * KIB, "another ");
const MASTER = [1, 2, 3].map((seed) => sha256(Buffer.from(`key ${seed}`)));
const master = (at: number): Uint8Array => MASTER[at] ?? new Uint8Array();

/** What the tokens of the tests may do; changed by them. */
const rights = new Map<
  string,
  { readonly tenant: string; readonly may: readonly string[]; readonly credential?: string }
>();
const policy: Policy = {
  authenticate: async (header) => principalOf(header?.replace("Bearer ", "") ?? ""),
  recall: async (grant) => principalOf(grant),
  async decide({ grant = "" }, action) {
    principalOf(grant);
    if (!rights.get(grant)?.may.includes(action)) throw new HoldfastError("forbidden");
  },
};

function principalOf(grant: string): Principal {
  const right = rights.get(grant);
  if (!right) throw new HoldfastError("unauthorized");
  return { id: grant, tenant: right.tenant, grant, credential: right.credential ?? "" };
}

let server: TestServer;
let keyring: Keyring;
let shared: Partial<EngineParts>;
let writes = 0;
beforeEach(async () => {
  keyring = keyringOf(master(0));
  writes = 0;
  rights.clear();
  rights.set("ann", { tenant: "acme", may: ["create", "write", "read"] });
  rights.set("bob", { tenant: "acme", may: ["create", "write", "read"] });
  rights.set("eve", { tenant: "evil", may: ["create", "write", "read"] });
  const memory = createMemoryStorage();
  const storage = {
    ...memory,
    write(...args: Parameters<typeof memory.write>) {
      writes++;
      return memory.write(...args);
    },
  };
  shared = { policy, storage, metadata: createMemoryMetadata() };
  server = await startTestServer({ parts: shared, keys: () => keyring });
});
afterEach(() => server.close());

const as = (name: string) => ({ authorization: `Bearer ${name}` });

async function create(name = "ann"): Promise<UploadView> {
  const body = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB, transfer: "direct" };
  const headers = { ...as(name), "content-type": "application/json" };
  const made = await ask(server, {
    method: "POST",
    path: "/v1/uploads",
    headers,
    body: JSON.stringify(body),
  });
  expect(made.status).toBe(201);
  return decodeUpload(made.json);
}

function post(path: string, value: unknown, name = "ann"): Promise<Answer> {
  const headers = { ...as(name), "content-type": "application/json" };
  return ask(server, { method: "POST", path, headers, body: JSON.stringify(value) });
}

function partsOf(view: UploadView, indexes: readonly number[]) {
  const digests = partDigests(view, CONTENT);
  return indexes.map((index) => ({
    index,
    digest: encodeBase64(digests[index] ?? new Uint8Array()),
  }));
}

async function signedUrls(view: UploadView, indexes: readonly number[], expiresIn?: number) {
  const body = { parts: partsOf(view, indexes), ...(expiresIn === undefined ? {} : { expiresIn }) };
  const answer = await post(`/v1/uploads/${view.id}/requests`, body);
  expect(answer.status).toBe(200);
  const { requests } = answer.json;
  if (!Array.isArray(requests)) throw new Error("no requests");
  return requests.map(({ url }) => String(url));
}

async function signedUrl(view: UploadView, index = 0, expiresIn?: number): Promise<string> {
  const [url = ""] = await signedUrls(view, [index], expiresIn);
  return url;
}

const body = (view: UploadView, index: number) => runBytes(view, CONTENT, [index, index + 1]);

function put(view: UploadView, url: string, index = 0, bytes: Uint8Array = body(view, index)) {
  return ask(server, { method: "PUT", path: url, body: bytes });
}

async function committed(view: UploadView): Promise<number> {
  const answer = await ask(server, { path: `/v1/uploads/${view.id}`, headers: as("ann") });
  const { count } = Object(answer.json["committed"]);
  return Number(count);
}

async function expectRefused(answer: Answer): Promise<void> {
  expect([answer.status, answer.json["code"]]).toEqual([403, "signature_refused"]);
}

describe("a signed part request", () => {
  it("brings a part without a token, and the upload completes", async () => {
    const view = await create();
    const urls = await signedUrls(view, [0, 1, 2]);
    for (const [index, url] of urls.entries()) {
      expect(url).toMatch(new RegExp(`^/p/[a-z2-7]{8}/${view.id}/${index}\\?`));
      expect((await put(view, url, index)).status).toBe(200);
    }
    const confirmed = await post(`/v1/uploads/${view.id}/parts`, {
      parts: partsOf(view, [0, 1, 2]),
    });
    expect([confirmed.status, confirmed.json]).toEqual([
      200,
      { committed: 3, offset: CONTENT.length },
    ]);
    expect((await post(`/v1/uploads/${view.id}/complete`, {})).status).toBe(200);
  });

  it("is told with its method, headers and end", async () => {
    const view = await create();
    const answer = await post(`/v1/uploads/${view.id}/requests`, { parts: partsOf(view, [1]) });
    const now = Math.floor(server.clock.now() / 1000) * 1000;
    const told = { index: 1, method: "PUT", headers: {}, expiresAt: now + 15 * 60_000 };
    expect(answer.json["requests"]).toEqual([expect.objectContaining(told)]);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["referrer-policy"]).toBe("no-referrer");
  });

  it("is refused with any character of it changed", async () => {
    const view = await create();
    const url = await signedUrl(view);
    for (let at = "/p/".length; at < url.length; at++) {
      const flipped = url[at] === "a" ? "b" : "a";
      const altered = url.slice(0, at) + flipped + url.slice(at + 1);
      const { status, json } = await put(view, altered);
      // Without one of its slashes it is another address, where a token is missing.
      if (url[at] === "/") {
        expect([at, status]).toEqual([at, 401]);
        continue;
      }
      expect([at, status, json["code"]]).toEqual([at, 403, "signature_refused"]);
    }
    expect(await committed(view)).toBe(0);
    expect(writes).toBe(0);
    expect((await put(view, url)).status).toBe(200);
  });

  it.each([
    ["an earlier iat", (query: URLSearchParams) => query.set("iat", "1")],
    ["a later exp", (query: URLSearchParams) => query.set("exp", "99999999999")],
    ["another epoch", (query: URLSearchParams) => query.set("e", "1")],
    ["another length", (query: URLSearchParams) => query.set("len", "262143")],
    ["a length written in another way", (query: URLSearchParams) => query.set("len", "0262144")],
    ["a digest with padding", (query: URLSearchParams) => query.set("dig", `${query.get("dig")}=`)],
    [
      "a signature with padding",
      (query: URLSearchParams) => query.set("sig", `${query.get("sig")}=`),
    ],
    ["an empty signature", (query: URLSearchParams) => query.set("sig", "")],
    ["no signature", (query: URLSearchParams) => query.delete("sig")],
    ["no end", (query: URLSearchParams) => query.delete("exp")],
    ["two signatures", (query: URLSearchParams) => query.append("sig", "x")],
    ["one field more", (query: URLSearchParams) => query.set("token", "ann")],
    ["another grant of the tenant", (query: URLSearchParams) => query.set("by", "bob")],
    ["another tenant's grant", (query: URLSearchParams) => query.set("by", "eve")],
    ["a grant that nobody has", (query: URLSearchParams) => query.set("by", "nobody")],
  ])("is refused with %s", async (_name, change) => {
    const view = await create();
    const url = new URL(await signedUrl(view), "http://a");
    change(url.searchParams);
    await expectRefused(await put(view, url.pathname + url.search));
    expect(writes).toBe(0);
  });

  it("does not move: not to another part, upload, key or method", async () => {
    const view = await create();
    const second = await create();
    const theirs = await create("eve");
    const url = await signedUrl(view);
    await expectRefused(await put(view, url.replace("/0?", "/1?"), 1));
    await expectRefused(await put(view, url.replace(view.id, second.id)));
    await expectRefused(await put(view, url.replace(view.id, theirs.id)));
    await expectRefused(await put(view, url.replace(/\/p\/[a-z2-7]+/, "/p/aaaaaaaa")));
    for (const method of ["GET", "HEAD", "POST", "DELETE"]) {
      const answer = await ask(server, { method, path: url });
      expect([method, answer.status]).toEqual([method, 405]);
    }
  });

  it("takes its own length and digest only", async () => {
    const view = await create();
    const url = await signedUrl(view);
    await expectRefused(await put(view, url, 0, body(view, 0).subarray(1)));
    const digest = `sha-256=:${encodeBase64(sha256(OTHER))}:`;
    const other = {
      method: "PUT",
      path: url,
      headers: { "content-digest": digest },
      body: body(view, 0),
    };
    await expectRefused(await ask(server, other));
    const headers = { "transfer-encoding": "chunked" };
    await expectRefused(
      await ask(server, { method: "PUT", path: url, headers, body: body(view, 0) }),
    );
    expect(writes).toBe(0);
    const wrong = await put(view, url, 0, OTHER.subarray(0, 256 * KIB));
    expect([wrong.status, wrong.json["code"]]).toEqual([422, "digest_mismatch"]);
    expect(await committed(view)).toBe(0);
  });

  it("is used twice and writes once", async () => {
    const view = await create();
    const url = await signedUrl(view);
    expect((await put(view, url)).status).toBe(200);
    const before = writes;
    expect((await put(view, url)).status).toBe(200);
    expect(writes).toBe(before);
  });

  it("is used twice at once, and one wins", async () => {
    const view = await create();
    const url = await signedUrl(view);
    const answers = await Promise.all([put(view, url), put(view, url)]);
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses[0]).toBe(200);
    expect([200, 409]).toContain(statuses[1]);
    expect(await committed(view)).toBe(1);
    expect(writes).toBe(1);
  });

  it.each([
    ["60 s before it begins", -60, 200],
    ["61 s before it begins", -61, 403],
    ["59 s after its end", 900 + 59, 200],
    ["60 s after its end", 900 + 60, 403],
    ["a year after its end", 365 * 86_400, 403],
  ])("%s answers %i with %i", async (_name, seconds, status) => {
    const view = await create();
    const issued = 1_000_000;
    server.clock.advance(issued * 1000);
    const url = await signedUrl(view);
    await server.close();
    const later = await startTestServer({ parts: shared, keys: () => keyring });
    later.clock.advance((issued + seconds) * 1000);
    const answer = await ask(later, { method: "PUT", path: url, body: body(view, 0) });
    expect(answer.status).toBe(status);
    server = later;
  });

  it("lives as long as it is asked to, up to a day", async () => {
    const view = await create();
    const path = `/v1/uploads/${view.id}/requests`;
    const wants = (expiresIn: unknown) => post(path, { parts: partsOf(view, [0]), expiresIn });
    expect((await wants(86_400)).status).toBe(200);
    for (const wrong of [0, 86_401, -1, 1.5, "60"]) {
      const answer = await wants(wrong);
      expect([wrong, answer.status, answer.json["field"]]).toEqual([wrong, 400, "expiresIn"]);
    }
  });

  it("outlives one rotation of the key, and not two", async () => {
    const view = await create();
    const [first = "", second = ""] = await signedUrls(view, [0, 1]);
    keyring = keyringOf(master(1), master(0));
    expect((await put(view, first)).status).toBe(200);
    keyring = keyringOf(master(2), master(1));
    await expectRefused(await put(view, second, 1));
  });

  it("ends with the token it was signed for, and with its right to write", async () => {
    const view = await create();
    const url = await signedUrl(view);
    rights.set("ann", { tenant: "acme", may: ["read"] });
    expect((await put(view, url)).status).toBe(403);
    rights.delete("ann");
    await expectRefused(await put(view, url));
    rights.set("ann", { tenant: "evil", may: ["write"] });
    await expectRefused(await put(view, url));
    rights.set("ann", { tenant: "acme", may: ["write"] });
    expect((await put(view, url)).status).toBe(200);
  });

  it("ends with the secret that its token had, and the address tells nothing of it", async () => {
    const may = ["create", "write", "read"];
    const first = "5e".repeat(32);
    rights.set("ann", { tenant: "acme", may, credential: first });
    const view = await create();
    const url = await signedUrl(view);
    expect(url).not.toContain(first.slice(0, 8));
    rights.set("ann", { tenant: "acme", may, credential: "7c".repeat(32) });
    await expectRefused(await put(view, url));
    expect((await put(view, await signedUrl(view))).status).toBe(200);
    const id = await publish();
    const answer = await post(`/v1/files/${id}/links`, {});
    const link = String(answer.json["url"]);
    expect((await ask(server, { path: link })).status).toBe(200);
    rights.set("ann", { tenant: "acme", may, credential: first });
    await expectRefused(await ask(server, { path: link }));
  });

  it("ends when all of its upload's are taken back, and new ones count", async () => {
    const view = await create();
    const url = await signedUrl(view);
    const path = `/v1/uploads/${view.id}/requests`;
    const revoke = (name: string) => ask(server, { method: "DELETE", path, headers: as(name) });
    expect((await revoke("eve")).status).toBe(404);
    expect((await put(view, url)).status).toBe(200);
    expect((await revoke("ann")).status).toBe(204);
    await expectRefused(await put(view, url));
    expect((await put(view, await signedUrl(view, 1), 1)).status).toBe(200);
    expect((await revoke("ann")).status).toBe(204);
    const [last = "", again = ""] = await signedUrls(view, [2, 0]);
    expect((await put(view, last, 2)).status).toBe(200);
    expect((await put(view, again)).status).toBe(200);
    // The epoch is also what a completion is bound to: raised, it must not get in its way.
    expect((await post(`/v1/uploads/${view.id}/complete`, {})).status).toBe(200);
    expect((await revoke("ann")).status).toBe(409);
  });

  it("ends with the upload", async () => {
    const view = await create();
    const url = await signedUrl(view);
    await ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}`, headers: as("ann") });
    const answer = await put(view, url);
    expect([answer.status, answer.json["code"]]).toEqual([410, "upload_ended"]);
  });

  it("counts in its own place only", async () => {
    const view = await create();
    const url = await signedUrl(view);
    const query = url.slice(url.indexOf("?"));
    const request = putRequest(view, CONTENT, [0, 1]);
    const elsewhere = await ask(server, { ...request, path: request.path + query });
    expect(elsewhere.status).toBe(401);
    const unsigned = url.slice(0, url.indexOf("?"));
    await expectRefused(await ask(server, { ...request, path: unsigned, headers: as("ann") }));
    const headers = { ...as("ann"), sig: new URLSearchParams(query).get("sig") ?? "" };
    await expectRefused(await ask(server, { ...request, path: unsigned, headers }));
    const tokenInQuery = await ask(server, { path: `/v1/uploads/${view.id}?token=ann` });
    expect(tokenInQuery.status).toBe(401);
    const basic = { authorization: `Basic ${Buffer.from("ann:").toString("base64")}` };
    expect((await ask(server, { path: `/v1/uploads/${view.id}`, headers: basic })).status).toBe(
      401,
    );
    expect(writes).toBe(0);
  });

  it("is signed for parts that are there, a hundred at once, by who may write", async () => {
    const view = await create();
    const path = `/v1/uploads/${view.id}/requests`;
    const [part] = partsOf(view, [0]);
    const cases = [
      [{ parts: [] }, "invalid_request"],
      [{ parts: Array.from({ length: 101 }, () => part) }, "invalid_request"],
      [{ parts: [{ ...part, index: 3 }] }, "part_out_of_range"],
      [{ parts: [{ index: 0 }] }, "invalid_request"],
      [{ parts: [{ index: 0, digest: "AAAA" }] }, "invalid_digest"],
      [{ parts: [null] }, "invalid_request"],
      [{}, "invalid_request"],
    ] as const;
    for (const [value, code] of cases) {
      expect([value, (await post(path, value)).json["code"]]).toEqual([value, code]);
    }
    const many = { parts: Array.from({ length: 100 }, () => part) };
    expect((await post(path, many)).status).toBe(200);
    expect((await post(path, { parts: [part] }, "eve")).json["code"]).toBe("upload_not_found");
    rights.set("bob", { tenant: "acme", may: ["read"] });
    expect((await post(path, { parts: [part] }, "bob")).json["code"]).toBe("forbidden");
  });

  it("is not signed for bytes that could not be taken", async () => {
    const view = await create();
    await put(view, await signedUrl(view));
    const digest = encodeBase64(sha256(OTHER));
    const path = `/v1/uploads/${view.id}/requests`;
    const conflict = await post(path, { parts: [{ index: 0, digest }] });
    expect(conflict.json).toMatchObject({ code: "part_conflict", index: 0 });
  });
});

describe("a part request that is held to an address", () => {
  beforeEach(async () => {
    await server.close();
    const proxies = ["127.0.0.1", "::1"];
    server = await startTestServer({ parts: shared, keys: () => keyring, proxies });
  });

  const from = (address: string) => ({ "x-forwarded-for": address });

  async function held(view: UploadView, address: unknown, asker = "203.0.113.1") {
    return ask(server, {
      method: "POST",
      path: `/v1/uploads/${view.id}/requests`,
      headers: { ...as("ann"), "content-type": "application/json", ...from(asker) },
      body: JSON.stringify({ parts: partsOf(view, [0]), address }),
    });
  }

  async function heldUrl(view: UploadView, address: string): Promise<string> {
    const [one] = (await held(view, address)).json["requests"] as { url: string }[];
    return one?.url ?? "";
  }

  const sendFrom = (view: UploadView, url: string, headers: Record<string, string>) =>
    ask(server, { method: "PUT", path: url, headers, body: body(view, 0) });

  it.each([
    ["of IPv4", "203.0.113.7", "203.0.113.7", "203.0.113.8"],
    ["of IPv6, however it is written", "2001:DB8:0:0::1", "2001:db8::1", "2001:db8::2"],
    ["of IPv4 in one of IPv6", "::ffff:203.0.113.7", "203.0.113.7", "203.0.113.77"],
    ["that it was asked for from", "mine", "203.0.113.1", "203.0.113.7"],
  ])("%s works from there and nowhere else", async (_, address, right, wrong) => {
    const view = await create();
    const url = await heldUrl(view, address);
    await expectRefused(await sendFrom(view, url, from(wrong)));
    await expectRefused(await sendFrom(view, url, {}));
    // What whoever sends writes before the proxy's word counts for nothing.
    await expectRefused(await sendFrom(view, url, from(`${right}, ${wrong}`)));
    expect(writes).toBe(0);
    expect((await sendFrom(view, url, from(right))).status).toBe(200);
  });

  it("is refused with another address in it, or none, or two", async () => {
    const view = await create();
    const url = await heldUrl(view, "203.0.113.7");
    for (const other of [
      url.replace("from=203.0.113.7", "from=203.0.113.8"),
      url.replace("&from=203.0.113.7", ""),
      `${url}&from=203.0.113.8`,
      url.replace("from=203.0.113.7", "from="),
    ]) {
      await expectRefused(await sendFrom(view, other, from("203.0.113.8")));
    }
    const free = await signedUrl(view);
    const bound = `${free}&from=203.0.113.8`;
    await expectRefused(await sendFrom(view, bound, from("203.0.113.8")));
  });

  it.each(["here", "", "203.0.113", "203.0.113.0/24", "fe80::1%eth0", "files.example", 7, null])(
    "is not signed for %j",
    async (address) => {
      const { status, json } = await held(await create(), address);
      expect([status, json["code"]]).toEqual([400, "invalid_request"]);
    },
  );
});

describe("the way that parts best go", () => {
  it("is told where the storage takes them straight from clients, and they have a SHA-256", async () => {
    expect((await create()).transfer).toBeUndefined();
    const storage = createMemoryParts({ transfer: "direct" });
    const other = await startTestServer({ parts: { ...shared, storage }, keys: () => keyring });
    const transferOf = async (digest: string) => {
      const body = Buffer.from(JSON.stringify({ name: "a", size: 1, digest }));
      const headers = { ...as("ann"), "content-type": "application/json" };
      const asked = { method: "POST", path: "/v1/uploads", headers, body };
      return (await ask(other, asked)).json["transfer"];
    };
    expect(await transferOf("sha-256")).toBe("direct");
    expect(await transferOf("blake3")).toBeUndefined();
    await other.close();
  });
});

describe("confirming", () => {
  it("names what is missing and what is there with another digest", async () => {
    const view = await create();
    await put(view, await signedUrl(view, 1), 1);
    const path = `/v1/uploads/${view.id}/parts`;
    const missing = await post(path, { parts: partsOf(view, [2, 1, 0]) });
    expect(missing.json).toMatchObject({
      code: "parts_missing",
      missing: [
        [0, 1],
        [2, 3],
      ],
    });
    const other = await post(path, { parts: [{ index: 1, digest: encodeBase64(sha256(OTHER)) }] });
    expect(other.json).toMatchObject({ code: "part_conflict", index: 1 });
    const there = await post(path, { parts: partsOf(view, [1]) });
    expect(there.json).toEqual({ committed: 1, offset: 0 });
    expect((await post(path, { parts: partsOf(view, [1]) }, "eve")).status).toBe(404);
  });
});

async function publish(): Promise<string> {
  const view = await create();
  for (const [index, url] of (await signedUrls(view, [0, 1, 2])).entries())
    await put(view, url, index);
  const done = await post(`/v1/uploads/${view.id}/complete`, {});
  return decodeUpload(done.json).file?.id ?? "";
}

describe("a read link", () => {
  const link = async (id: string, value: object = {}): Promise<string> => {
    const answer = await post(`/v1/files/${id}/links`, value);
    expect(answer.status).toBe(201);
    return String(answer.json["url"]);
  };

  it("reads one file, ranges and manifest of it, without a token and as data only", async () => {
    const id = await publish();
    const url = await link(id);
    const whole = await ask(server, { path: url });
    expect(whole.status).toBe(200);
    expect(whole.bytes.equals(CONTENT)).toBe(true);
    expect(whole.headers).toMatchObject({
      "content-security-policy": "sandbox; default-src 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cache-control": "private, no-cache",
    });
    expect(whole.headers["content-disposition"]).toMatch(/^attachment;/);
    const range = await ask(server, { path: url, headers: { range: "bytes=9-17" } });
    expect([range.status, range.bytes.toString()]).toEqual([206, "holdfast "]);
    expect((await ask(server, { method: "HEAD", path: url })).status).toBe(200);
    const manifest = url.replace("?", "/manifest?");
    expect((await ask(server, { path: manifest })).json).toMatchObject({ size: CONTENT.length });
    expect((await ask(server, { path: `${manifest}&proof=0` })).json).toMatchObject({ index: 0 });
  });

  it("opens nothing else", async () => {
    const id = await publish();
    const other = await publish();
    const url = await link(id);
    const query = url.slice(url.indexOf("?"));
    await expectRefused(await ask(server, { path: `/v1/files/${other}${query}` }));
    await expectRefused(await ask(server, { path: `/v1/files/${other}/manifest${query}` }));
    // A link that is there decides, whatever else comes with it.
    await expectRefused(
      await ask(server, { path: `/v1/files/${other}${query}`, headers: as("ann") }),
    );
    const again = { method: "POST", path: `/v1/files/${id}/links${query}` };
    expect((await ask(server, again)).status).toBe(401);
    for (const method of ["DELETE", "PUT", "POST", "PATCH"]) {
      for (const path of [url, url.replace("?", "/manifest?")]) {
        expect([method, (await ask(server, { method, path })).status]).toEqual([method, 401]);
      }
    }
    for (const path of [`/v1/uploads${query}`, `/v1/uploads/${id}${query}`, `/${query}`]) {
      expect([path, (await ask(server, { path })).status]).toEqual([path, 401]);
    }
    const part = await signedUrl(await create());
    await expectRefused(
      await ask(server, { path: `/v1/files/${id}${part.slice(part.indexOf("?"))}` }),
    );
  });

  it("is refused with any character of it changed", async () => {
    const id = await publish();
    const url = await link(id);
    for (let at = url.indexOf("?") + 1; at < url.length; at++) {
      const flipped = url[at] === "a" ? "b" : "a";
      const path = url.slice(0, at) + flipped + url.slice(at + 1);
      const { status } = await ask(server, { path });
      // Without its `sig` it is no link, and a token is missing.
      expect([at, status]).toEqual([at, path.includes("&sig=") ? 403 : 401]);
    }
  });

  it("ends by its time, its token, its key, and with the file's tenant", async () => {
    const id = await publish();
    const url = await link(id, { expiresIn: 60 });
    server.clock.advance(119_000);
    expect((await ask(server, { path: url })).status).toBe(200);
    server.clock.advance(1000);
    await expectRefused(await ask(server, { path: url }));
    const next = await link(id);
    keyring = keyringOf(master(1), master(0));
    expect((await ask(server, { path: next })).status).toBe(200);
    rights.set("ann", { tenant: "acme", may: ["write"] });
    expect((await ask(server, { path: next })).status).toBe(403);
    rights.delete("ann");
    await expectRefused(await ask(server, { path: next }));
    rights.set("ann", { tenant: "acme", may: ["read"] });
    keyring = keyringOf(master(2), master(1));
    await expectRefused(await ask(server, { path: next }));
  });

  it("is given to who may read, for at most a week", async () => {
    const id = await publish();
    const path = `/v1/files/${id}/links`;
    expect((await post(path, { expiresIn: 7 * 86_400 })).status).toBe(201);
    for (const expiresIn of [0, 7 * 86_400 + 1, "1", null]) {
      expect([expiresIn, (await post(path, { expiresIn })).status]).toEqual([expiresIn, 400]);
    }
    expect((await post(path, {}, "eve")).json["code"]).toBe("file_not_found");
    rights.set("bob", { tenant: "acme", may: ["write"] });
    expect((await post(path, {}, "bob")).json["code"]).toBe("forbidden");
    expect((await ask(server, { method: "POST", path, headers: as("ann") })).status).toBe(201);
  });
});
