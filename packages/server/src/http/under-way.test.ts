// What counts as under way: replies that take their time, and every spelling of an address that takes bytes.
import { request } from "node:http";
import { decodeUpload } from "@holdfast/protocol";
import { afterEach, expect, it } from "vitest";
import { createTokenPolicy } from "../policy/policy.ts";
import { ask, askJson, startTestServer, type TestServer } from "./server.fixture.ts";

let server: TestServer;
afterEach(() => server.close());

it("watchers count for as long as they watch", async () => {
  server = await startTestServer({ requestsMax: 2 });
  const { id } = decodeUpload(
    (await askJson(server, "POST", "/v1/uploads", { size: 3, name: "a" })).json,
  );
  const path = `/v1/uploads/${id}/events`;
  const watchers = await Promise.all([watch(path), watch(path)]);
  const third = await ask(server, { path: "/v1/files" });
  expect([third.status, third.json["code"]]).toEqual([429, "too_many_requests"]);
  await server.engine.abort({ id: "local", tenant: "local", grant: "open" }, id);
  await Promise.all(watchers.map(({ ended }) => ended));
  expect((await ask(server, { path: "/v1/files" })).status).toBe(200);
});

/** Resolves once the first event is there. */
async function watch(path: string): Promise<{ readonly ended: Promise<unknown> }> {
  const sending = request({ host: "127.0.0.1", port: server.port, path, agent: false });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  await new Promise<void>((begun) => {
    sending.on("response", (response) => response.on("data", () => begun()).on("end", resolve));
    sending.end();
  });
  return { ended };
}

it("the limit of requests with bytes knows an address however it is written, and only those that take bytes", async () => {
  const policy = createTokenPolicy({ limits: { partsInFlightMax: 0 } });
  server = await startTestServer({ parts: { policy } });
  for (const path of ["/v1/files", "/v1/%66iles"]) {
    const sent = await ask(server, { method: "POST", path, body: "abc" });
    expect([sent.status, sent.json["code"]]).toEqual([429, "too_many_requests"]);
  }
  expect((await ask(server, { path: "/v1/files" })).status).toBe(200);
});
