// What the log says of requests: enough to know what happened, nothing that opens anything.
import { afterEach, describe, expect, it } from "vitest";
import { createLog } from "../log.ts";
import { ask, askJson, startTestServer, type TestServer } from "./server.fixture.ts";

let server: TestServer;
afterEach(() => server.close());

function linesOf(path: string): readonly Record<string, unknown>[] {
  return server.logged
    .filter(({ event }) => event === "request")
    .map(({ level, fields }) => ({ level, ...Object(fields) }))
    .filter((line) => line.path === path);
}

describe("a request in the log", () => {
  it.each([
    ["a change", "info", { method: "POST", path: "/v1/uploads" }],
    ["a question", "debug", { method: "GET", path: "/livez" }],
    ["an unknown address", "info", { method: "GET", path: "/v1/nothing" }],
  ] as const)("is told at a level of its own: %s", async (_name, level, { method, path }) => {
    server = await startTestServer();
    await (method === "POST"
      ? askJson(server, method, path, { name: "a", size: 1 })
      : ask(server, { method, path }));
    expect(linesOf(path)).toMatchObject([{ level, method, path, ms: expect.any(Number) }]);
  });

  it("says whom it refused, and why", async () => {
    server = await startTestServer({ token: "secret" });
    await ask(server, { path: "/v1/uploads/x" });
    expect(linesOf("/v1/uploads/x")).toMatchObject([
      { level: "warn", status: 401, code: "unauthorized", principal: undefined },
    ]);
  });

  it("has neither query nor id, and stays one line whatever the path holds", async () => {
    const shown: string[] = [];
    server = await startTestServer();
    const id = "abcdefghijklmnopqrstuvwx2a";
    await ask(server, { path: `/v1/files/${id}?sig=open-sesame` });
    await ask(server, { path: `/v1/files/%61${id.slice(1)}` });
    await ask(server, { path: `/v1/files%2f${id}` });
    await ask(server, { path: "/v1/%0A%0D%00" });
    await ask(server, { path: `/v1/${"x".repeat(50_000)}` });
    const log = createLog({ level: "debug", write: (line) => shown.push(line) });
    for (const { event, fields } of server.logged) log("info", event, Object(fields));
    expect(shown.length).toBeGreaterThan(1);
    expect(shown.join("\n")).not.toMatch(/open-sesame|bcdefghijkl/);
    for (const line of shown) expect(line).not.toMatch(/[\n\r\0]/);
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThan(2_000);
  });

  it("says where it came from as far as proxies are to be believed", async () => {
    server = await startTestServer({ proxies: ["127.0.0.1"] });
    const other = await startTestServer();
    const headers = { "x-forwarded-for": "198.51.100.9" };
    await ask(server, { path: "/livez", headers });
    await ask(other, { path: "/livez", headers });
    expect(linesOf("/livez")).toMatchObject([{ from: "198.51.100.9" }]);
    const [line] = other.logged.filter(({ event }) => event === "request");
    expect(Object(line?.fields).from).toBe("127.0.0.1");
    await other.close();
  });
});
