// Links one by one: to a file, to what there is of an upload, and taken back without the others.
import { type MetadataStore, REVOKED_MAX } from "@holdfast/engine";
import { decodeUpload, type FileId, KIB, type UploadId, type UploadView } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { runBytes } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../platform.ts";
import { createTokenPolicy } from "../../policy/policy.ts";
import type { TokenEntry, TokenTable } from "../../policy/table.ts";
import { makeToken } from "../../policy/token.ts";
import { ask, openRaw, putRequest, startTestServer, type TestServer } from "../server.fixture.ts";

const CONTENT = Buffer.alloc(600 * KIB, "holdfast ");
const UNKNOWN = "a".repeat(26);

let table: Map<string, TokenEntry>;
let server: TestServer;
let metadata: MetadataStore;
beforeEach(async () => {
  metadata = createMemoryMetadata();
  table = new Map();
  const tokens = (): TokenTable => table;
  // Who signs and who takes back go by one clock.
  const clock = { ...systemClock, now: () => server.clock.now() };
  const policy = createTokenPolicy({ tokens });
  server = await startTestServer({ parts: { metadata, clock, policy } });
});
afterEach(() => server.close());

/** The headers of somebody who may do this. */
function somebody(tenant: string, ...scopes: TokenEntry["scopes"]): Record<string, string> {
  const { text, id, hash } = makeToken(systemRandom);
  table.set(id, { id, hash, name: "", tenant, principal: "p", createdAt: 0, scopes });
  return { authorization: `Bearer ${text}` };
}

function send(method: string, path: string, as: Record<string, string>, value?: object) {
  const headers = { ...as, ...(value ? { "content-type": "application/json" } : {}) };
  const body = value ? { body: JSON.stringify(value) } : {};
  return ask(server, { method, path, headers, ...body });
}

async function begin(as: Record<string, string>): Promise<UploadView> {
  const wants = { name: "a.bin", size: CONTENT.length, partSize: 256 * KIB };
  const view = decodeUpload((await send("POST", "/v1/uploads", as, wants)).json);
  const put = putRequest(view, CONTENT, [0, 1]);
  expect((await ask(server, { ...put, headers: { ...put.headers, ...as } })).status).toBe(200);
  return view;
}

async function finish(as: Record<string, string>, view: UploadView): Promise<string> {
  const put = putRequest(view, CONTENT, [1, 3]);
  await ask(server, { ...put, headers: { ...put.headers, ...as } });
  const done = await send("POST", `/v1/uploads/${view.id}/complete`, as, {});
  return decodeUpload(done.json).file?.id ?? "";
}

/** A link to what has these links, and its id. */
async function link(as: Record<string, string>, of: string, expiresIn = 600) {
  const { status, json, headers } = await send("POST", `${of}/links`, as, { expiresIn });
  expect(status).toBe(201);
  expect(headers.location).toBe(json["url"]);
  return { id: String(json["id"]), url: String(json["url"]) };
}

const get = (path: string, headers = {}) => ask(server, { path, headers });
const codeOf = async (path: string) => (await get(path)).json["code"];

describe("a link", () => {
  it("is taken back alone, at once and for good", async () => {
    const ann = somebody("acme", "read", "write");
    const of = `/v1/files/${await finish(ann, await begin(ann))}`;
    const [one, other] = [await link(ann, of), await link(ann, of)];
    expect([one.id === other.id, one.url.includes(one.id)]).toEqual([false, true]);
    for (let times = 0; times < 2; times++) {
      expect((await send("DELETE", `${of}/links/${one.id}`, ann)).status).toBe(204);
    }
    for (const path of [one.url, one.url.replace("?", "/manifest?")]) {
      expect(await codeOf(path)).toBe("signature_refused");
    }
    expect((await ask(server, { method: "HEAD", path: one.url })).status).toBe(403);
    expect((await get(other.url)).bytes.equals(CONTENT)).toBe(true);
    expect((await get(other.url.replace("?", "/manifest?"))).status).toBe(200);
    expect((await send("GET", of, ann)).status).toBe(200);
  });

  it.each(["file", "upload"] as const)(
    "is taken back, and all others that there are, where there is no room for its name: to a %s",
    async (to) => {
      const ann = somebody("acme", "read", "write");
      const view = await begin(ann);
      const [name, path] =
        to === "upload"
          ? [view.id, `/v1/uploads/${view.id}`]
          : await finish(ann, view).then((id) => [id, `/v1/files/${id}`] as const);
      const at = to === "upload" ? `${path}/content?` : `${path}?`;
      const [one, other] = [await link(ann, path), await link(ann, path)];
      const now = server.clock.now();
      for (let count = 0; count < REVOKED_MAX; count++) {
        const taken = { link: `${count}`, until: now + 600_000, now };
        await metadata.apply(
          to === "upload"
            ? { kind: "revoke-link", id: name as UploadId, ...taken }
            : { kind: "note", id: name as FileId, note: { kind: "revoked", ...taken } },
        );
      }
      expect([one.url.startsWith(at), (await get(one.url)).status]).toEqual([true, 200]);
      expect((await send("DELETE", `${path}/links/${one.id}`, ann)).status).toBe(204);
      for (const { url } of [one, other]) expect(await codeOf(url)).toBe("signature_refused");
      const then = await link(ann, path);
      server.clock.advance(1000);
      expect((await get(then.url)).status).toBe(200);
      // That one is taken back by its name again.
      const kept = await link(ann, path);
      expect((await send("DELETE", `${path}/links/${then.id}`, ann)).status).toBe(204);
      server.clock.advance(1000);
      expect([await codeOf(then.url), (await get(kept.url)).status]).toEqual([
        ...["signature_refused", 200],
      ]);
    },
  );

  it("is taken back by whoever may read in its tenant, and by nobody else", async () => {
    const ann = somebody("acme", "read", "write");
    const of = `/v1/files/${await finish(ann, await begin(ann))}`;
    const { id, url } = await link(ann, of);
    const path = `${of}/links/${id}`;
    expect((await send("DELETE", path, somebody("evil", "read"))).status).toBe(404);
    expect((await send("DELETE", path, somebody("acme", "write"))).status).toBe(403);
    expect((await send("DELETE", path, {})).status).toBe(401);
    // The link itself opens nothing but the file.
    expect(
      (await ask(server, { method: "DELETE", path: `${path}${url.slice(url.indexOf("?"))}` }))
        .status,
    ).toBe(401);
    expect((await get(url)).status).toBe(200);
    expect((await send("DELETE", path, somebody("acme", "read"))).status).toBe(204);
    expect((await get(url)).status).toBe(403);
  });

  it("has an id that is well formed, and stands in its address once", async () => {
    const ann = somebody("acme", "read", "write");
    const of = `/v1/files/${await finish(ann, await begin(ann))}`;
    const malformed = await send("DELETE", `${of}/links/x`, ann);
    expect(malformed.json).toMatchObject({ code: "invalid_request", field: "link" });
    const { id, url } = await link(ann, of);
    for (const other of [
      url.replace(id, UNKNOWN),
      url.replace(`&link=${id}`, ""),
      url.replace(`link=${id}`, "link="),
      `${url}&link=${id}`,
      `${url}&link=${UNKNOWN}`,
    ]) {
      expect(await codeOf(other)).toBe("signature_refused");
    }
  });
});

describe("a link to the content of an upload", () => {
  it("reads what is there, ranges of it, and what it becomes", async () => {
    const ann = somebody("acme", "read", "write");
    const view = await begin(ann);
    const { url } = await link(ann, `/v1/uploads/${view.id}`);
    expect(url).toMatch(`/v1/uploads/${view.id}/content?`);
    const some = await get(url);
    expect([some.status, some.headers["upload-complete"]]).toEqual([200, "?0"]);
    expect(some.bytes.equals(runBytes(view, CONTENT, [0, 1]))).toBe(true);
    const range = await get(url, { range: "bytes=9-17" });
    expect([range.status, range.bytes.toString()]).toEqual([206, "holdfast "]);
    expect((await ask(server, { method: "HEAD", path: url })).status).toBe(200);
    await finish(ann, view);
    const whole = await get(url);
    expect([whole.headers["upload-complete"], whole.bytes.equals(CONTENT)]).toEqual(["?1", true]);
  });

  it("follows it", async () => {
    const ann = somebody("acme", "read", "write");
    const view = await begin(ann);
    const { url } = await link(ann, `/v1/uploads/${view.id}`);
    const raw = await openRaw(server);
    raw.socket.write(
      `GET ${url}&follow=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    await raw.until("Upload-Offset".toLowerCase());
    await finish(ann, view);
    expect((await raw.ended()).text).toMatch(/\r\n0\r\n\r\n$/);
  });

  it("gives a follower nothing that came after it was taken back", async () => {
    const ann = somebody("acme", "read", "write");
    const view = await begin(ann);
    const of = `/v1/uploads/${view.id}`;
    const { id, url } = await link(ann, of);
    const raw = await openRaw(server);
    raw.socket.write(
      `GET ${url}&follow=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    await raw.until("holdfast ");
    expect((await send("DELETE", `${of}/links/${id}`, ann)).status).toBe(204);
    server.clock.advance(6_000);
    await finish(ann, view);
    const { text } = await raw.ended();
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(text.length).toBeLessThan(300 * KIB);
  });

  it("opens nothing else: no status, no writing, no file, no other upload", async () => {
    const ann = somebody("acme", "read", "write");
    const [view, other] = [await begin(ann), await begin(ann)];
    const { url } = await link(ann, `/v1/uploads/${view.id}`);
    const query = url.slice(url.indexOf("?"));
    const put = putRequest(view, CONTENT, [1, 2]);
    const tries = [
      ask(server, { path: `/v1/uploads/${view.id}${query}` }),
      ask(server, { path: `/v1/uploads/${view.id}/events${query}` }),
      ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}${query}` }),
      ask(server, { method: "PATCH", path: `/v1/uploads/${view.id}${query}` }),
      ask(server, { ...put, path: put.path + query }),
      ask(server, { method: "POST", path: `/v1/uploads/${view.id}/links${query}` }),
    ];
    for (const { status } of await Promise.all(tries)) expect(status).toBe(401);
    for (const path of [
      `/v1/uploads/${other.id}/content${query}`,
      `/v1/files/${view.id}${query}`,
    ]) {
      expect(await codeOf(path)).toBe("signature_refused");
    }
    // The link of a file opens no content either.
    const file = await finish(ann, other);
    const ofFile = await link(ann, `/v1/files/${file}`);
    const fileQuery = ofFile.url.slice(ofFile.url.indexOf("?"));
    expect(await codeOf(`/v1/uploads/${other.id}/content${fileQuery}`)).toBe("signature_refused");
    expect(await codeOf(`${url}&proof=0`)).toBe("signature_refused");
  });

  it("is given to who may read, is taken back alone, and ends with its token and its upload", async () => {
    const ann = somebody("acme", "read", "write");
    const view = await begin(ann);
    const of = `/v1/uploads/${view.id}`;
    expect((await send("POST", `${of}/links`, somebody("acme", "write"), {})).status).toBe(403);
    expect((await send("POST", `${of}/links`, somebody("evil", "read"), {})).status).toBe(404);
    const bob = somebody("acme", "read");
    const [one, other, bobs] = [await link(ann, of), await link(ann, of), await link(bob, of)];
    expect((await send("DELETE", `${of}/links/${one.id}`, bob)).status).toBe(204);
    expect(await codeOf(one.url)).toBe("signature_refused");
    expect((await get(other.url)).status).toBe(200);
    expect((await get(bobs.url)).status).toBe(200);
    const [, second] = [...table.keys()].slice(-2);
    table.delete(second ?? "");
    expect(await codeOf(bobs.url)).toBe("signature_refused");
    await send("DELETE", of, ann);
    expect(await codeOf(other.url)).toBe("upload_ended");
    expect((await send("POST", `${of}/links`, ann, {})).json["code"]).toBe("upload_ended");
  });
});
