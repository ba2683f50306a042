// What pages load of the client for browsers: no more than they use, and nothing of others but what the docs name.
import { basename } from "node:path";
import { expect, it } from "vitest";
import { bundle, modulesOf, packagesOf, sizeOf } from "./bundle.ts";

const CLIENT = "@holdfast/client/browser";
/** Bytes, gzipped, that a page loads before anything happens. */
const ENTRY_MAX = 15_000;

it("shakes to nothing where a page uses nothing of it", async () => {
  const { entry, onDemand } = await bundle(`import ${JSON.stringify(CLIENT)};`);
  expect(entry.map(({ code }) => code).join("").length).toBeLessThan(100);
  expect(onDemand).toEqual([]);
});

it("brings only what is used", async () => {
  const used = async (names: string) => {
    const { entry } = await bundle(`export { ${names} } from ${JSON.stringify(CLIENT)};`);
    return modulesOf(entry).map((id) => basename(id));
  };
  expect(await used("filesOf, createClient")).toEqual(
    expect.arrayContaining(["files-of.ts", "client.ts", "engine-link.ts"]),
  );
  const some = await used("filesOf");
  expect(some).toContain("files-of.ts");
  for (const name of ["client.ts", "engine-link.ts", "page-transfer.ts"])
    expect(some).not.toContain(name);
});

it("has no more than 15 kB at once, and nothing of others but idb", async () => {
  const { entry } = await bundle(`export * from ${JSON.stringify(CLIENT)};`);
  expect(sizeOf(entry)).toBeLessThanOrEqual(ENTRY_MAX);
  expect([...packagesOf(entry)].filter((name) => name !== "idb")).toEqual([]);
});

it("has nothing of others but idb in its worker, and hash-wasm where that is asked for", async () => {
  const worker = `import "../packages/client/src/browser/worker.ts";`;
  const { entry, onDemand } = await bundle(worker);
  // A worker without side effects would be an empty script.
  expect(sizeOf(entry)).toBeGreaterThan(ENTRY_MAX);
  expect([...packagesOf(entry)]).toEqual(["idb"]);
  expect([...packagesOf(onDemand)]).toEqual(["hash-wasm"]);
});

it("leaves the scripts that are started in a bundle, though nobody imports anything of them", async () => {
  for (const name of ["worker", "hash-worker", "service-worker"]) {
    const { entry } = await bundle(`import "../packages/client/src/browser/${name}.ts";`);
    expect([name, sizeOf(entry) > 300]).toEqual([name, true]);
  }
});
