// Health, the page, and who may see what.
import { decodeUpload, KIB, MIB, type UploadView } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createSimFs } from "@holdfast/testkit/sim/fs";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { afterEach, describe, expect, it } from "vitest";
import { createDiskStorage } from "../../storage/disk/index.ts";
import {
  ask,
  askJson,
  putRequest,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "../server.fixture.ts";

let server: TestServer;
afterEach(() => server.close());

async function start(options?: TestServerOptions): Promise<void> {
  server = await startTestServer(options);
}

describe("health", () => {
  it("is told without a token", async () => {
    await start({ token: "secret" });
    expect((await ask(server, { path: "/livez" })).json).toEqual({ status: "ok" });
    expect((await ask(server, { path: "/readyz" })).json).toEqual({ status: "ready" });
    expect((await ask(server, { method: "HEAD", path: "/livez" })).status).toBe(200);
  });

  it("is bad for new work when the server closes, while it lives", async () => {
    await start();
    server.beginClosing();
    const ready = await ask(server, { path: "/readyz" });
    expect([ready.status, ready.json]).toEqual([
      503,
      { status: "unready", reasons: ["shutting_down"] },
    ]);
    expect((await ask(server, { path: "/livez" })).status).toBe(200);
  });

  it("is bad for new work below the low-water mark, while what has begun goes on", async () => {
    const storage = createMemoryStorage({ capacity: 1 * MIB });
    const clock = createVirtualClock();
    await start({ parts: { storage, clock, keepFree: 512 * KIB } });
    expect((await ask(server, { path: "/readyz" })).status).toBe(200);
    const content = Buffer.alloc(MIB, "holdfast ");
    const body = { name: "a", size: content.length, partSize: 256 * KIB };
    const view = decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
    expect((await ask(server, putRequest(view, content, [0, 3]))).status).toBe(200);
    clock.advance(1000);
    const ready = await ask(server, { path: "/readyz" });
    expect(ready.json).toEqual({ status: "unready", reasons: ["storage_full"] });
    const refused = await askJson(server, "POST", "/v1/uploads", body);
    expect([refused.status, refused.json["code"]]).toEqual([507, "storage_full"]);
    expect((await ask(server, putRequest(view, content, [3, 4]))).status).toBe(200);
    expect((await ask(server, { method: "DELETE", path: `/v1/uploads/${view.id}` })).status).toBe(
      204,
    );
    // Room that was made counts at once.
    expect((await askJson(server, "POST", "/v1/uploads", body)).status).toBe(201);
  });

  it("is told in time where the records or the storage keep everybody waiting", async () => {
    const asked = Promise.withResolvers<void>();
    const room = () => {
      asked.resolve();
      return new Promise<number>(() => undefined);
    };
    await start({ parts: { storage: { ...createMemoryStorage(), room } } });
    const asking = ask(server, { path: "/readyz" });
    await asked.promise;
    server.clock.advance(2000);
    const ready = await asking;
    expect([ready.status, ready.headers["retry-after"]]).toEqual([503, "1"]);
    expect(ready.json).toEqual({ status: "unready", reasons: ["storage_failed"] });
  });

  it("is told as far as it is known, by numbers and on the page", async () => {
    const room = () => Promise.reject(new Error("EIO"));
    await start({ parts: { storage: { ...createMemoryStorage(), room } } });
    const metrics = await ask(server, { path: "/metrics" });
    expect(metrics.status).toBe(200);
    expect(metrics.bytes.toString()).toMatch(/^holdfast_uploads_open nan$/im);
    expect(metrics.bytes.toString()).toMatch(/^holdfast_requests_in_flight 1$/m);
    const page = await ask(server, { path: "/" });
    expect(page.bytes.toString()).toContain("does not answer");
  });

  it("is bad for new work when the storage does not answer", async () => {
    const room = () => Promise.reject(new Error("EIO"));
    await start({ parts: { storage: { ...createMemoryStorage(), room } } });
    const ready = await ask(server, { path: "/readyz" });
    expect(ready.json).toEqual({ status: "unready", reasons: ["storage_failed"] });
  });
});

describe("a server whose directory could not be flushed", () => {
  it("is bad for new work until it is started again, while what has a durable name goes on", async () => {
    let isBroken = false;
    const fs = createSimFs({
      onOperation: ({ kind }) =>
        isBroken && kind === "fsyncDir" ? { kind: "failed", errno: "EIO" } : undefined,
    });
    const clock = createVirtualClock();
    const startOn = async (disk: typeof fs, metadata = createMemoryMetadata()) => {
      const storage = await createDiskStorage({ directory: "/data/bytes", fs: disk });
      await start({ parts: { storage, metadata, clock, keepFree: 1 } });
      return metadata;
    };
    const ready = async () => {
      clock.advance(1000);
      return (await ask(server, { path: "/readyz" })).status;
    };
    const metadata = await startOn(fs);
    const content = Buffer.alloc(2 * 256 * KIB, "holdfast ");
    const body = { name: "a", size: content.length, partSize: 256 * KIB };
    const create = () => askJson(server, "POST", "/v1/uploads", body);
    const [known, fresh] = [
      decodeUpload((await create()).json),
      decodeUpload((await create()).json),
    ];
    const put = async (view: UploadView, index: number) =>
      (await ask(server, putRequest(view, content, [index, index + 1]))).status;
    expect([await put(known, 0), await ready()]).toEqual([200, 200]);

    isBroken = true;
    expect([await put(fresh, 0), await ready()]).toEqual([503, 503]);
    // The disk is well again, and still nothing says what became of the names.
    isBroken = false;
    expect([await put(fresh, 0), await ready()]).toEqual([503, 503]);
    const refused = await create();
    expect([refused.status, refused.json["code"]]).toEqual([503, "storage_failed"]);
    expect(await put(known, 1)).toBe(200);
    expect((await ask(server, { path: "/livez" })).status).toBe(200);

    await server.close();
    await startOn(fs.kill("next start"), createMemoryMetadata({ state: metadata.snapshot() }));
    expect([await ready(), (await create()).status, await put(fresh, 0)]).toEqual([200, 201, 200]);
  });
});

describe("the page", () => {
  it("says how the server is doing and what to type", async () => {
    await start();
    const page = await ask(server, { path: "/" });
    const text = page.bytes.toString();
    expect(page.status).toBe(200);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(text).toContain(`holdfast upload big.iso --to http://127.0.0.1:${server.port}`);
    expect(text).toContain("1.2.3");
    expect(text).toContain("direct I/O");
    expect(text).not.toContain("Bearer");
  });

  it("loads nothing from elsewhere and runs nothing", async () => {
    await start();
    const page = await ask(server, { path: "/" });
    expect(page.headers["content-security-policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
    expect(page.bytes.toString()).not.toMatch(/<script|<img|<link|src=|style="| on[a-z]+="/);
  });

  it("asks for the token where there is one", async () => {
    await start({ token: "secret" });
    const refused = await ask(server, { path: "/" });
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toBe('Bearer realm="holdfast"');
    const headers = { authorization: "bearer secret" };
    const page = await ask(server, { path: "/", headers });
    expect(page.bytes.toString()).toContain("$HOLDFAST_TOKEN");
  });
});

describe("a token", () => {
  it.each([
    ["POST", "/v1/uploads"],
    ["GET", "/v1/uploads/a"],
    ["PUT", "/v1/uploads/a/parts/0"],
    ["POST", "/v1/uploads/a/complete"],
    ["DELETE", "/v1/uploads/a"],
    ["GET", "/v1/files/a"],
    ["HEAD", "/v1/files/a"],
    ["GET", "/v1/files/a/manifest"],
    ["GET", "/"],
    ["GET", "/nowhere"],
    ["PATCH", "/v1/uploads"],
  ])("is asked for by %s %s", async (method, path) => {
    await start({ token: "secret" });
    const wrong = [
      {},
      { authorization: "secret" },
      { authorization: "Bearer" },
      { authorization: "Bearer secre" },
      { authorization: "Bearer secrets" },
      { authorization: "Basic c2VjcmV0" },
    ];
    for (const headers of wrong) {
      expect((await ask(server, { method, path, headers })).status).toBe(401);
    }
    const right = { authorization: "Bearer secret" };
    expect((await ask(server, { method, path, headers: right })).status).not.toBe(401);
  });
});

describe("GET /metrics", () => {
  it("counts by pattern, method and status: no id ever becomes a label", async () => {
    await start();
    const { json } = await askJson(server, "POST", "/v1/uploads", { name: "a.bin", size: KIB });
    const { id } = decodeUpload(json);
    await ask(server, { path: `/v1/uploads/${id}` });
    await ask(server, { path: "/v1/uploads/aaaaaaaaaaaaaaaaaaaaaaaaaa" });
    await ask(server, { method: "PATCH", path: "/v1/uploads" });
    await ask(server, { path: "/coffee" });
    const answer = await ask(server, { path: "/metrics" });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = answer.bytes.toString("utf8").split("\n");
    for (const [route, method, status] of [
      ["/v1/uploads", "POST", 201],
      ["/v1/uploads/*", "GET", 200],
      ["/v1/uploads/*", "GET", 404],
      ["/v1/uploads", "other", 405],
      ["none", "other", 404],
    ]) {
      const labels = `route="${route}",method="${method}",status="${status}"`;
      expect(lines).toContain(`holdfast_requests_total{${labels}} 1`);
    }
    expect(lines).toContain('holdfast_refusals_total{code="upload_not_found"} 1');
    expect(lines).toContain("holdfast_uploads_open 1");
    expect(lines).toContain("holdfast_requests_in_flight 1");
    expect(answer.bytes.includes(id)).toBe(false);
  });

  it("is not for everybody", async () => {
    await start({ token: "secret" });
    expect((await ask(server, { path: "/metrics" })).status).toBe(401);
    const headers = { authorization: "Bearer secret" };
    expect((await ask(server, { path: "/metrics", headers })).status).toBe(200);
  });
});
