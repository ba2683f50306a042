// Digests over HTTP: uploads of BLAKE3 parts from create to proof, and CRC32C beside a digest.

import {
  decodeManifest,
  decodeUpload,
  encodeBase64,
  encodeDigest,
  encodeHex,
  encodePartDigests,
  KIB,
  type UploadView,
  verifyInclusion,
} from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { blake3 } from "hash-wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemDigests } from "../../platform.ts";
import { ask, askJson, startTestServer, type TestServer } from "../server.fixture.ts";

const PART = 256 * KIB;
const content = createRandom("digests").bytes(2 * PART + 11);
const parts = [
  content.subarray(0, PART),
  content.subarray(PART, 2 * PART),
  content.subarray(2 * PART),
];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(Buffer.from(await blake3(bytes), "hex"));
}

async function create(more: object): Promise<UploadView> {
  const wants = { name: "a", size: content.length, partSize: PART, ...more };
  return decodeUpload((await askJson(server, "POST", "/v1/uploads", wants)).json);
}

function put(view: UploadView, path: string, body: Uint8Array, headers: Record<string, string>) {
  return ask(server, {
    method: "PUT",
    path: `/v1/uploads/${view.id}/parts/${path}`,
    headers,
    body: Buffer.from(body),
  });
}

describe("BLAKE3", () => {
  it("goes from create to the manifest and a proof", async () => {
    const view = await create({ digest: "blake3", verify: "readback" });
    expect(view.digest).toBe("blake3");
    const digests = await Promise.all(parts.map(digestOf));
    const run = { "part-digest": encodePartDigests("blake3", digests.slice(0, 2)) };
    expect((await put(view, "0-1", content.subarray(0, 2 * PART), run)).status).toBe(200);
    const [, , last = new Uint8Array()] = digests;
    const one = { "content-digest": encodeDigest("blake3", last) };
    expect((await put(view, "2", content.subarray(2 * PART), one)).status).toBe(200);
    const path = `/v1/uploads/${view.id}/complete`;
    const { file } = decodeUpload((await ask(server, { method: "POST", path })).json);
    if (!file) throw new Error("not complete");

    const text = (await ask(server, { path: `${file.url}/manifest` })).bytes.toString();
    const manifest = decodeManifest(systemDigests.sha256, text);
    expect(manifest.algorithm).toBe("blake3");
    expect(encodeHex(manifest.digests)).toBe(digests.map(encodeHex).join(""));
    expect(encodeHex(manifest.root)).toBe(encodeHex(file.root));
    const proof = (await ask(server, { path: `${file.url}/manifest?proof=2` })).json;
    expect(proof).toMatchObject({ algorithm: "blake3", digest: encodeBase64(last) });
    const path2 = (proof as { proof: string[] }).proof.map((hash) => Buffer.from(hash, "base64"));
    const inclusion = { ...manifest, index: 2, digest: last, proof: path2 };
    expect(verifyInclusion(systemDigests.sha256, inclusion, file.root)).toBe(true);
    expect((await ask(server, { path: file.url })).bytes.equals(content)).toBe(true);
  });

  it("is checked: other bytes are not kept", async () => {
    const view = await create({ digest: "blake3" });
    const digest = await digestOf(content.subarray(0, PART));
    const headers = { "content-digest": encodeDigest("blake3", digest) };
    const refused = await put(view, "0", content.subarray(1, PART + 1), headers);
    expect([refused.status, refused.json]).toMatchObject([422, { code: "digest_mismatch" }]);
  });

  it.each(["sha-256", "blake3"] as const)(
    "only the digests of %s count for its uploads",
    async (algorithm) => {
      const view = await create({ digest: algorithm });
      const bytes = content.subarray(0, PART);
      const [sha256, blake] = [systemDigests.sha256(bytes), await digestOf(bytes)];
      const own = algorithm === "blake3" ? blake : sha256;
      const other = algorithm === "blake3" ? "sha-256" : "blake3";
      const wrong = { "content-digest": encodeDigest(other, sha256) };
      const refused = await put(view, "0", bytes, wrong);
      expect([refused.status, refused.json]).toMatchObject([
        400,
        { code: "invalid_digest", algorithm },
      ]);
      const both = [encodeDigest(other, new Uint8Array(32)), encodeDigest(algorithm, own)];
      const taken = await put(view, "0", bytes, { "content-digest": both.join(", ") });
      expect(taken.status).toBe(200);
    },
  );

  it("is no digest of signed requests", async () => {
    const view = await create({ digest: "blake3" });
    const wanted = { parts: [{ index: 0, digest: encodeBase64(new Uint8Array(32)) }] };
    const refused = await askJson(server, "POST", `/v1/uploads/${view.id}/requests`, wanted);
    expect([refused.status, refused.json]).toMatchObject([422, { code: "digest_unsupported" }]);
  });
});

describe("CRC32C", () => {
  function crcOf(bytes: Uint8Array): string {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, systemDigests.crc32c(bytes, 0));
    return `crc32c=:${encodeBase64(value)}:`;
  }
  const body = content.subarray(0, PART);
  const digest = encodeDigest("sha-256", systemDigests.sha256(body));

  it("beside a digest is compared with the whole body", async () => {
    const view = await create({});
    const wrong = await put(view, "0", body, {
      "content-digest": `${digest}, ${crcOf(parts[1] ?? body)}`,
    });
    expect([wrong.status, wrong.json]).toMatchObject([422, { code: "digest_mismatch", index: 0 }]);
    const right = await put(view, "0", body, { "content-digest": `${digest}, ${crcOf(body)}` });
    expect(right.status).toBe(200);
  });

  it("of a run that is wrong keeps all but its last part", async () => {
    const view = await create({});
    const two = content.subarray(0, 2 * PART);
    const digests = parts.slice(0, 2).map(systemDigests.sha256);
    const headers = { "part-digest": encodePartDigests("sha-256", digests) };
    const wrong = await put(view, "0-1", two, { ...headers, "content-digest": crcOf(body) });
    expect([wrong.status, wrong.json]).toMatchObject([422, { code: "digest_mismatch", index: 1 }]);
    const right = await put(view, "0-1", two, { ...headers, "content-digest": crcOf(two) });
    expect(right.json).toMatchObject({ committed: 2 });
  });

  it("is no digest by itself, and has 4 bytes", async () => {
    const view = await create({});
    for (const field of [crcOf(body), `${digest}, crc32c=:AAAA:`, `${digest}, crc32c=7`]) {
      const refused = await put(view, "0", body, { "content-digest": field });
      expect([refused.status, refused.json]).toMatchObject([400, { code: "invalid_digest" }]);
    }
  });
});
