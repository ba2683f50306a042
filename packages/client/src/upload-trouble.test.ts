import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { KIB } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { createVirtualClock } from "@holdfast/testkit/clock";
import {
  answer,
  first,
  type Interposer,
  interpose,
  type Meddle,
  problem,
} from "@holdfast/testkit/interposer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeOptions } from "./node/index.ts";
import { download, upload } from "./node/index.ts";
import { makePlace, next, type Place, record, type Server } from "./node/testing/place.ts";
import { uploadStill } from "./node/testing/still.ts";
import type { UploadOptions } from "./upload.ts";

/** The smallest part there may be: the same number of parts as in a file four times as large. */
const PART = 256 * KIB;
const SIZE = 20 * PART + 1;

let place: Place;
let server: Server;
beforeEach(async () => {
  place = makePlace(serve);
  server = await place.serve();
});
afterEach(() => place.clear());

function send(path: string, to: string, options: Partial<UploadOptions> & NodeOptions = {}) {
  return upload(path, { to, stateDir: place.stateDir, partSize: PART, ...options });
}

async function through(meddle: Meddle): Promise<Interposer> {
  return place.keep(await interpose(server.url, meddle));
}

/** Sends a file through something that meddles; it must arrive all the same. Resolves with the codes of the retries. */
async function arrives(meddle: Meddle): Promise<{ codes: readonly string[] }> {
  const proxy = await through(meddle);
  const { path, bytes } = place.file("f", SIZE);
  const transfer = send(path, proxy.url);
  const retries = record(transfer, "retry");
  const { url } = await transfer.done;
  await download(url, place.path("back"), { stateDir: place.stateDir }).done;
  expect(place.read("back").equals(bytes)).toBe(true);
  return { codes: retries.map(({ code }) => code) };
}

/** Completes as a client would; resolves with the answer. */
function completeByHand(path: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(new URL(path, server.url), { method: "POST", headers, body: "{}" });
}

/** An upload that is complete, with one digit of its file's root changed. */
function withOtherRoot(text: string): string {
  return text.replace(/(?<="root":")[0-9a-f]/, (digit) => (digit === "0" ? "1" : "0"));
}

const html = { "content-type": "text/html" };

describe("an upload arrives all the same", () => {
  it("where a captive portal answers 200 for a while", async () => {
    const portal = answer(200, html, "<h1>Please log in</h1>");
    const { codes } = await arrives(first(2, "POST", "/v1/uploads", portal));
    expect(codes).toEqual(["not_holdfast", "not_holdfast"]);
  });

  it("where a portal answers for parts", async () => {
    const { codes } = await arrives(first(1, "PUT", "/parts/", answer(200, html, "hello")));
    expect(codes).toContain("not_holdfast");
  });

  it("where a proxy takes no more than a part at once", async () => {
    const proxy = await through((request) =>
      Number(request.headers["content-length"] ?? 0) > PART ? answer(413, html) : undefined,
    );
    const { path, bytes } = place.file("f", SIZE);
    // By the time of day a last part that is late would be sent again.
    const options = { to: proxy.url, stateDir: place.stateDir, partSize: PART };
    const { url } = await uploadStill(createVirtualClock(), path, options).done;
    const alone = proxy.seen.filter((one) => /parts\/[0-9]+$/.test(one.path));
    expect(alone).toHaveLength(21);
    await download(url, place.path("back"), { stateDir: place.stateDir }).done;
    expect(place.read("back").equals(bytes)).toBe(true);
  });

  it("where the server is busy", async () => {
    const busy = problem(503, "recovering", { "retry-after": "0" });
    const { codes } = await arrives(first(3, "PUT", "/parts/", busy));
    expect(codes).toContain("recovering");
  });

  it("where another request holds a part", async () => {
    const busy = problem(409, "part_busy", { "retry-after": "0" });
    expect((await arrives(first(1, "PUT", "/parts/0", busy))).codes).toEqual(["part_busy"]);
  });

  it("where a bit flips on the way", async () => {
    const flipped = problem(422, "digest_mismatch", {}, { index: 0 });
    const { codes } = await arrives(first(2, "PUT", "/parts/0", flipped));
    expect(codes).toEqual(["digest_mismatch", "digest_mismatch"]);
  });

  it("where parts are missing after all", async () => {
    const missing = problem(409, "parts_missing");
    expect((await arrives(first(1, "POST", "/complete", missing))).codes).toEqual([
      "parts_missing",
    ]);
  });

  it("where the answer to complete is lost", async () => {
    const meddle = first(1, "POST", "/complete", (request, response) => {
      request.resume();
      void completeByHand(request.url ?? "").then(() => response.destroy());
    });
    expect((await arrives(meddle)).codes).toEqual(["connection_failed"]);
  });

  it("where completing takes its time", async () => {
    const meddle = first(1, "POST", "/complete", (request, response) => {
      request.resume();
      const status = new URL((request.url ?? "").replace("/complete", ""), server.url);
      void fetch(status)
        .then((found) => found.text())
        .then((text) => {
          response.writeHead(202, { "holdfast-version": "1" });
          response.end(text.replace('"state":"open"', '"state":"completing"'));
        });
    });
    expect((await arrives(meddle)).codes).toEqual([]);
  });

  it("where an answer is nonsense with the right header", async () => {
    const nonsense = answer(201, { "holdfast-version": "1" }, "{}");
    expect((await arrives(first(1, "POST", "/v1/uploads", nonsense))).codes).toEqual([
      "not_holdfast",
    ]);
  });

  it("where a status is about another grid", async () => {
    const asks = first(1, "PUT", "/parts/", problem(409, "upload_not_open"));
    const lies = first(1, "GET", "/v1/uploads/", (request, response) => {
      void fetch(new URL(request.url ?? "", server.url))
        .then((found) => found.text())
        .then((text) => {
          response.writeHead(200, { "holdfast-version": "1" });
          response.end(text.replace(`"partSize":${PART}`, `"partSize":${2 * PART}`));
        });
    });
    const { codes } = await arrives((...both) => asks(...both) ?? lies(...both));
    expect(codes).toContain("not_holdfast");
  });

  it("where the state directory cannot be used, which it tells", async () => {
    writeFileSync(place.path("occupied"), "");
    const { path } = place.file("f", SIZE);
    const transfer = send(path, server.url, { stateDir: place.path("occupied") });
    const notices = record(transfer, "notice");
    expect(await transfer.done).toMatchObject({ size: SIZE });
    expect(notices.map(({ code }) => code)).toEqual(["checkpoint_failed"]);
  });
});

describe("an upload fails", () => {
  async function failure(path: string, to: string, options: Partial<UploadOptions> = {}) {
    const transfer = send(path, to, options);
    const errors = record(transfer, "error");
    const error: unknown = await transfer.done.catch((thrown: unknown) => thrown);
    expect(errors).toEqual([error]);
    expect(transfer.state).toBe("failed");
    return error;
  }

  it("where the source is missing or no file", async () => {
    mkdirSync(place.path("directory"));
    for (const name of ["missing", "directory"]) {
      expect(await failure(place.path(name), server.url)).toMatchObject({
        code: "source_unreadable",
      });
    }
  });

  it.each([
    ["grows", (path: string) => appendFileSync(path, "x")],
    ["shrinks", (path: string) => truncateSync(path, PART)],
  ])("where the source %s while it is sent, and is removed", async (_, change) => {
    const { path } = place.file("f", SIZE);
    const transfer = send(path, server.url, { limitRate: 2 * SIZE });
    const { url } = await next(transfer, "created");
    await next(transfer, "progress", ({ committed }) => committed > 0);
    change(path);
    await expect(transfer.done).rejects.toMatchObject({ code: "source_changed" });
    expect(await (await fetch(url)).json()).toMatchObject({ state: "aborted" });
  });

  it("where somebody committed another content, and is removed", async () => {
    const conflict = problem(409, "part_conflict", {}, { index: 0 });
    const proxy = await through(first(1, "PUT", "/parts/", conflict));
    expect(await failure(place.file("f", SIZE).path, proxy.url)).toMatchObject({
      code: "source_changed",
    });
    expect(proxy.count("DELETE", "/v1/uploads/")).toBe(1);
  });

  it("where the same part is bad again and again", async () => {
    const bad = problem(422, "digest_mismatch", {}, { index: 0 });
    const proxy = await through(first(99, "PUT", "/parts/0", bad));
    expect(await failure(place.file("f", SIZE).path, proxy.url)).toMatchObject({
      code: "digest_mismatch",
    });
    expect(proxy.count("PUT", "/parts/0")).toBe(5);
  });

  it("where the file is not what was sent", async () => {
    const meddle = first(1, "POST", "/complete", (request, response) => {
      request.resume();
      void completeByHand(request.url ?? "")
        .then((completed) => completed.text())
        .then((text) => {
          response.writeHead(200, { "holdfast-version": "1" });
          response.end(withOtherRoot(text));
        });
    });
    const proxy = await through(meddle);
    expect(await failure(place.file("f", SIZE).path, proxy.url)).toMatchObject({
      code: "root_mismatch",
    });
  });

  it.each([
    ["forbidden", 403],
    ["size_too_large", 413],
    ["invalid_request", 400],
  ])("where the server says %s", async (code, status) => {
    const proxy = await through(first(1, "POST", "/v1/uploads", problem(status, code)));
    expect(await failure(place.file("f", 5).path, proxy.url)).toMatchObject({ code });
    expect(proxy.seen.length).toBe(1);
  });

  it("where a server gives a status without a problem", async () => {
    for (const [status, code] of [
      [403, "forbidden"],
      [418, "invalid_request"],
    ] as const) {
      const proxy = await through(() => answer(status, { "holdfast-version": "1" }, "no"));
      expect(await failure(place.file("f", 5).path, proxy.url)).toMatchObject({ code });
    }
  });

  it("where nobody answers for longer than it was told to wait", async () => {
    await server.close();
    expect(await failure(place.file("f", 5).path, server.url, { giveUpMs: 1 })).toMatchObject({
      code: "gave_up",
      details: { last: "connection_failed" },
    });
  });

  it("where the address is none", async () => {
    for (const to of ["nonsense", "ftp://127.0.0.1/"]) {
      expect(await failure(place.file("f", 5).path, to)).toMatchObject({ code: "usage" });
    }
  });
});

describe("a token", () => {
  it("is sent, and a wrong one is an error", async () => {
    const closed = makePlace(serve);
    const own = await closed.serve({ token: "a-token-of-some-length" });
    const { path } = closed.file("f", SIZE);
    const options = { stateDir: closed.stateDir };
    await send(path, own.url, { ...options, token: "a-token-of-some-length" }).done;
    const wrong = send(path, own.url, { ...options, token: "another-token" });
    await expect(wrong.done).rejects.toMatchObject({ code: "unauthorized" });
    const none = send(path, own.url, options);
    await expect(none.done).rejects.toMatchObject({ code: "unauthorized" });
    await closed.clear();
  });

  it("is asked for again, once, where it has expired", async () => {
    const proxy = await through((request) =>
      request.headers.authorization === "Bearer second" ? undefined : problem(401, "unauthorized"),
    );
    const tokens = ["first", "second", "third"];
    const { path } = place.file("f", SIZE);
    const token = async () => tokens.shift() ?? "none";
    await send(path, proxy.url, { token }).done;
    expect(tokens).toEqual(["third"]);
    const stubborn = send(path, proxy.url, { token: async () => "always the same" });
    await expect(stubborn.done).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("does not go over a network in the clear", async () => {
    const transfer = send(place.file("f", 5).path, "http://192.0.2.1:8420", { token: "secret" });
    await expect(transfer.done).rejects.toMatchObject({ code: "insecure_transport" });
  });
});
