// The API's description tells of every route and of nothing else, and says the same of requests and uploads as the codecs do.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decodeComplete, decodeCreate, decodeUpload, ERRORS } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { ROUTES } from "../http/route.ts";
import { ask, startTestServer } from "../http/server.fixture.ts";
import { complaintsOf } from "./contract.fixture.ts";
import { errorsOf, OPERATIONS, openApiDocument } from "./document.ts";
import { CompleteUpload, CreateUpload, Upload } from "./schemas.ts";

const VECTORS = fileURLToPath(new URL("../../../protocol/vectors/", import.meta.url));

async function vectors(name: string): Promise<Record<string, readonly unknown[]>> {
  return JSON.parse(await readFile(`${VECTORS}${name}.json`, "utf8"));
}

function accepts(decode: (value: unknown) => unknown, value: unknown): boolean {
  try {
    decode(value);
    return true;
  } catch {
    return false;
  }
}

describe("the description", () => {
  it("has a row for every route, and for nothing else", () => {
    const routes = ROUTES.flatMap(({ segments, methods }) =>
      [...methods.keys()].map((method) => `${method} ${segments.join("/")}`),
    );
    const rows = OPERATIONS.map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{[^}]*\}/g, "*")}`,
    );
    expect(rows.toSorted()).toEqual(routes.toSorted());
  });

  it("names each operation once and every variable of its path", () => {
    const ids = OPERATIONS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, params = {} } of OPERATIONS) {
      const names = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
      expect(Object.keys(params)).toEqual(names);
    }
  });

  it("refers only to schemas that it has", () => {
    const text = JSON.stringify(openApiDocument("1"));
    const { schemas } = JSON.parse(text).components;
    const used = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(used.length).toBeGreaterThan(50);
    for (const [, name = ""] of used) expect(Object.keys(schemas)).toContain(name);
    expect(text).not.toMatch(/\$defs|"\$ref":"#\/(?!components)|\$schema/);
  });

  it("is served as it is", async () => {
    const server = await startTestServer({ token: "secret" });
    const headers = { authorization: "Bearer secret" };
    const answer = await ask(server, { path: "/openapi.json", headers });
    expect(answer.json).toEqual(JSON.parse(JSON.stringify(openApiDocument("1.2.3"))));
    expect((await ask(server, { path: "/openapi.json" })).status).toBe(401);
    await server.close();
  });
});

describe("the codes of the wire", () => {
  it("stand each at a route that gives it", () => {
    // What no handler decides: broken requests, addresses and methods that are not there.
    const given = new Set<string>(["headers_too_large", "route_not_found", "method_not_allowed"]);
    for (const operation of OPERATIONS) for (const code of errorsOf(operation)) given.add(code);
    const onTheWire = Object.entries(ERRORS).filter(([, { status }]) => status !== 0);
    const missing = onTheWire.map(([code]) => code).filter((code) => !given.has(code));
    expect(missing).toEqual([]);
  });
});

describe("the schemas beside the codecs", () => {
  // A schema cannot say all that a codec checks (the grid, names in bytes); it must never refuse what the codec takes.
  it("take every upload that the codec takes", async () => {
    const { good = [], bad = [] } = await vectors("uploads");
    let refused = 0;
    for (const row of [...good, ...bad]) {
      const { upload } = row as { upload: unknown };
      const complaint = complaintsOf(Upload, upload);
      if (accepts(decodeUpload, upload)) expect(complaint).toBe("");
      else if (complaint !== "") refused++;
    }
    expect(good.length).toBeGreaterThan(2);
    expect(refused).toBeGreaterThan(bad.length / 2);
  });

  it.each([
    ["create", decodeCreate, CreateUpload],
    ["complete", decodeComplete, CompleteUpload],
  ] as const)("take every request to %s that the codec takes", async (name, decode, schema) => {
    const { good = [], bad = [] } = Object(Object(await vectors("requests"))[name]);
    const rows: unknown[] = [...good, ...bad];
    let [taken, refused] = [0, 0];
    for (const row of rows) {
      const body: unknown = JSON.parse((row as { body: string }).body);
      const isTaken = accepts(decode, body);
      const complaint = complaintsOf(schema, body);
      // Members that nobody knows are passed over; in these tests the schemas are closed.
      if (isTaken) expect(complaint.replace(/data must NOT have additional.*/, "")).toBe("");
      if (isTaken) taken++;
      else if (complaint !== "") refused++;
    }
    expect(taken).toBeGreaterThan(2);
    expect(refused).toBeGreaterThan(2);
  });
});
