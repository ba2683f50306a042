// `holdfast bench` with real processes: it measures something, and leaves nothing, however it ends.
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";
import { numberOf, startCli } from "@holdfast/testkit/process";
import { expect, it, vi } from "vitest";
import { eventOf, run } from "./kit/cli.ts";
import { serveForTests } from "./kit/served.ts";

const served = serveForTests();

async function filesLeft(): Promise<readonly unknown[]> {
  const words = ["ls", "--all", "--json", "--to", served.url()];
  const { events } = await run(served.directory(), words);
  const names = events.map(({ fields }) => String(fields.get("name")));
  return names.filter((name) => name.startsWith("holdfast-bench"));
}

it("measures uploads and downloads, and removes what it made", async () => {
  const words = ["bench", "--to", served.url(), "--size", "1M,3M", "--rounds", "2"];
  const said = await run(served.directory(), [...words, "--json"]);
  expect(said.code).toBe(0);
  expect(Number(eventOf(said, "rtt").get("ms"))).toBeGreaterThan(0);
  const benches = said.events.filter(({ name }) => name === "bench");
  expect(benches.map((event) => numberOf(event, "size"))).toEqual([1_048_576, 3_145_728]);
  for (const { fields } of benches) {
    for (const way of ["upload", "download"]) {
      expect(fields.get(way)).toMatchObject({
        rate: expect.any(Number),
        seconds: expect.any(Number),
        cpuSeconds: expect.any(Number),
      });
    }
  }
  expect(await filesLeft()).toEqual([]);
  const text = await run(served.directory(), [
    ...words.slice(0, 3),
    "--size",
    "1M",
    "--rounds",
    "1",
  ]);
  expect(text.stdout).toMatch(/^round trip +[\d.]+ ms .*\nupload .*\/s .*\ndownload .*\/s /);
});

it("interrupted, removes what it made as well", async () => {
  const words = ["bench", "--to", served.url(), "--size", "64M", "--limit-rate", "4M"];
  const home = served.directory();
  const bench = startCli(words, { cwd: home, env: { XDG_CONFIG_HOME: home, HOLDFAST_TOKEN: "" } });
  const uploads = async (): Promise<number> => {
    const metrics = await (await fetch(`${served.url()}/metrics`)).text();
    return Number(/^holdfast_uploads_open (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
  };
  await vi.waitFor(async () => expect(await uploads()).toBe(1), { timeout: 20_000, interval: 100 });
  bench.kill("SIGINT");
  expect((await bench.exit).code).toBe(130);
  expect(bench.stderr()).toContain("What was uploaded for it is removed.");
  await vi.waitFor(async () => expect(await uploads()).toBe(0), { timeout: 10_000, interval: 200 });
  expect(await filesLeft()).toEqual([]);
});

it.each([
  ["no server", ["bench"], 2, "--to is missing"],
  ["a server away", ["bench", "--to", "AWAY"], 5, "connection_failed"],
  ["a size that is none", ["bench", "--to", "AWAY", "--size", "1M,big"], 2, "is not a size"],
])("says so of %s", async (_name, words, exit, said) => {
  const away = `http://127.0.0.1:${await freePort()}`;
  const args = words.map((word) => word.replace("AWAY", away));
  const { code, stderr } = await run(join(served.directory()), args);
  expect(code).toBe(exit);
  expect(stderr).toContain(said);
});
