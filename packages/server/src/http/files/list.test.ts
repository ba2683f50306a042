// The list of files and their deletion over HTTP, and sweeps for who administers the server.
import { decodeSweep, decodeUpload, KIB } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { openPolicy } from "@holdfast/testkit/world";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { complaintsOf } from "../../openapi/contract.fixture.ts";
import { FilePage, Sweep } from "../../openapi/schemas.ts";
import {
  type Answer,
  ask,
  askJson,
  putRequest,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

const CONTENT = Buffer.alloc(300 * KIB, "holdfast ");
const HOUR = 60 * 60 * 1000;
const clock = createVirtualClock();
let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ parts: { clock } });
});
afterEach(() => server.close());

async function publish(name: string): Promise<string> {
  const wants = { name, size: CONTENT.length, partSize: 256 * KIB, type: "text/plain" };
  const view = decodeUpload((await askJson(server, "POST", "/v1/uploads", wants)).json);
  expect((await ask(server, putRequest(view, CONTENT, [0, 2]))).status).toBe(200);
  const done = await ask(server, { method: "POST", path: `/v1/uploads/${view.id}/complete` });
  clock.advance(1);
  return decodeUpload(done.json).file?.url ?? "";
}

function names({ json }: Answer): unknown {
  return Array.isArray(json["files"]) ? json["files"].map(({ name }) => name) : json;
}

describe("GET /v1/files", () => {
  it("lists files newest first, page by page", async () => {
    for (const name of ["one", "two", "three"]) await publish(name);
    const all = await ask(server, { path: "/v1/files" });
    expect([all.status, names(all)]).toEqual([200, ["three", "two", "one"]]);
    expect(complaintsOf(FilePage, all.json)).toBe("");
    const first = await ask(server, { path: "/v1/files?limit=2" });
    expect(names(first)).toEqual(["three", "two"]);
    const next = new URLSearchParams({ after: String(first.json["next"]), limit: "2" });
    const second = await ask(server, { path: `/v1/files?${next}` });
    expect([names(second), "next" in second.json]).toEqual([["one"], false]);
  });

  it("tells of each file what its own address tells", async () => {
    const url = await publish("Übung ☂.txt");
    const { json } = await ask(server, { path: "/v1/files" });
    const head = await ask(server, { method: "HEAD", path: url });
    expect(json).toEqual({
      files: [
        {
          id: url.split("/").at(-1),
          url,
          name: "Übung ☂.txt",
          type: "text/plain",
          size: CONTENT.length,
          root: head.headers.etag?.replaceAll('"', ""),
          createdAt: expect.any(Number),
        },
      ],
    });
  });

  it.each(["limit=0", "limit=1001", "limit=x", "after=x", "after="])(
    "refuses %s",
    async (query) => {
      const answer = await ask(server, { path: `/v1/files?${query}` });
      expect(answer).toMatchObject({ status: 400, json: { code: "invalid_request" } });
    },
  );
});

describe("DELETE /v1/files/{id}", () => {
  it("takes the file from every address", async () => {
    const [url, other] = [await publish("gone"), await publish("kept")];
    const answer = await ask(server, { method: "DELETE", path: url });
    expect([answer.status, answer.bytes.length]).toEqual([204, 0]);
    for (const path of [url, `${url}/manifest`]) {
      expect(await ask(server, { path })).toMatchObject({
        status: 404,
        json: { code: "file_not_found" },
      });
    }
    expect(names(await ask(server, { path: "/v1/files" }))).toEqual(["kept"]);
    expect((await ask(server, { path: other })).bytes.equals(CONTENT)).toBe(true);
    expect((await ask(server, { method: "DELETE", path: url })).status).toBe(404);
  });

  it("is nothing that a read link is good for", async () => {
    const url = await publish("linked");
    const link = await askJson(server, "POST", `${url}/links`, {});
    const path = String(link.json["url"]);
    expect((await ask(server, { path })).status).toBe(200);
    await server.close();
    server = await startTestServer({
      token: "right",
      parts: { clock, policy: { ...openPolicy, authenticate: refuse } },
    });
    const refused = await ask(server, { method: "DELETE", path });
    expect(refused.status).toBe(401);
  });
});

async function refuse(): Promise<never> {
  const { HoldfastError } = await import("@holdfast/protocol");
  throw new HoldfastError("unauthorized");
}

describe("POST /v1/sweep", () => {
  it("tells what would go, then takes it", async () => {
    const wants = { name: "late", size: CONTENT.length };
    const { id } = decodeUpload((await askJson(server, "POST", "/v1/uploads", wants)).json);
    clock.advance(25 * HOUR);
    const path = "/v1/sweep";
    const dry = await ask(server, { method: "POST", path: `${path}?dry-run=1` });
    expect([dry.status, complaintsOf(Sweep, dry.json)]).toEqual([200, ""]);
    const expired = { count: 1, bytes: CONTENT.length };
    expect(decodeSweep(dry.json)).toMatchObject({ isDryRun: true, expired });
    expect((await ask(server, { path: `/v1/uploads/${id}` })).json["state"]).toBe("open");
    const real = await ask(server, { method: "POST", path });
    expect(decodeSweep(real.json)).toMatchObject({ isDryRun: false, expired, isWhole: true });
    expect(await ask(server, { path: `/v1/uploads/${id}` })).toMatchObject({
      status: 410,
      json: { code: "upload_ended", state: "expired" },
    });
  });

  it("ends nothing by a clock that is not believed, until somebody says that it is right", async () => {
    const looks: string[] = [];
    let isRight = false;
    const guard = {
      async isHeld() {
        looks.push("look");
        return !isRight;
      },
      async trust() {
        looks.push("trust");
        isRight = true;
      },
    };
    const held = await startTestServer({ parts: { clock }, guard });
    const wants = { name: "late", size: CONTENT.length };
    await askJson(held, "POST", "/v1/uploads", wants);
    clock.advance(25 * HOUR);
    const sweep = async (query: string) => {
      const { json } = await ask(held, { method: "POST", path: `/v1/sweep${query}` });
      const { isHeld, expired } = decodeSweep(json);
      return [isHeld, expired.count];
    };
    expect(await sweep("")).toEqual([true, 0]);
    expect(await sweep("?dry-run=1")).toEqual([true, 0]);
    expect(await sweep("?dry-run=1&now=1")).toEqual([false, 1]);
    expect(isRight).toBe(false);
    expect(await sweep("?now=1")).toEqual([false, 1]);
    expect(looks).toEqual(["look", "look", "trust"]);
    const mistyped = await ask(held, { method: "POST", path: "/v1/sweep?now=yes" });
    expect(mistyped).toMatchObject({ status: 400, json: { field: "now" } });
    await held.close();
  });

  it("refuses a dry run that is mistyped, and anybody who does not administer", async () => {
    const mistyped = await ask(server, { method: "POST", path: "/v1/sweep?dry-run=yes" });
    expect(mistyped).toMatchObject({ status: 400, json: { field: "dry-run" } });
    const asked: string[] = [];
    const policy = {
      ...openPolicy,
      async decide(_: unknown, action: string) {
        asked.push(action);
      },
    };
    const other = await startTestServer({ parts: { policy } });
    await ask(other, { method: "POST", path: "/v1/sweep?dry-run=1" });
    await other.close();
    expect(asked).toEqual(["administer"]);
  });
});
