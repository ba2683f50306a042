// A proof that takes its time, over HTTP: 202 first, the status afterwards, and everybody else is served meanwhile.
import { createHash } from "node:crypto";
import { decodeUpload, KIB } from "@holdfast/protocol";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { afterEach, describe, expect, it } from "vitest";
import { ask, askJson, putRequest, startTestServer, type TestServer } from "../server.fixture.ts";

const content = Buffer.alloc(300 * KIB, "proof ");
const right = createHash("sha256").update(content).digest("hex");
const wrong = createHash("sha256").digest("hex");

let server: TestServer | undefined;
afterEach(() => server?.close());

/** A server whose medium is read only once it is released, with an upload that has all its parts. */
async function begin(more: object) {
  const memory = createMemoryStorage();
  const held = Promise.withResolvers<void>();
  const read: typeof memory.read = async (object, offset, into, origin) => {
    if (origin === "medium") await held.promise;
    return memory.read(object, offset, into, origin);
  };
  const started = await startTestServer({ parts: { storage: { ...memory, read } } });
  server = started;
  const wants = { name: "a", size: content.length, partSize: 256 * KIB, ...more };
  const view = decodeUpload((await askJson(started, "POST", "/v1/uploads", wants)).json);
  expect((await ask(started, putRequest(view, content, [0, 2]))).status).toBe(200);
  const path = `/v1/uploads/${view.id}`;
  return { server: started, path, release: held.resolve };
}

async function ended(of: TestServer, path: string) {
  for (;;) {
    const view = decodeUpload((await ask(of, { path })).json);
    if (view.state !== "completing") return view;
  }
}

describe("complete with a proof", () => {
  it.each([
    ["what create gave", { sha256: right }, {}, "complete"],
    ["what complete gives", {}, { sha256: right }, "complete"],
    ["what create gave and does not fit", { sha256: wrong }, {}, "failed"],
    ["what complete gives and does not fit", {}, { sha256: wrong }, "open"],
  ])("is 202 while %s is compared", async (_, create, complete, state) => {
    const { server: of, path, release } = await begin(create);
    const accepted = await askJson(of, "POST", `${path}/complete`, complete);
    expect([accepted.status, accepted.json]).toMatchObject([202, { state: "completing" }]);
    expect((await ask(of, { path: "/livez" })).status).toBe(200);
    release();
    const view = await ended(of, path);
    expect(view.state).toBe(state);
    expect(view.error?.code).toBe(state === "complete" ? undefined : "file_digest_mismatch");
    expect(view.file?.sha256 && Buffer.from(view.file.sha256).toString("hex")).toBe(
      state === "complete" ? right : undefined,
    );
  });
});
