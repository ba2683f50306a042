// The example of a page: what is chosen in it arrives, under the policy that it is served with, and the page links to it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startProgram, startServer, stopServer, textOf } from "@holdfast/testkit/process";
import { afterAll, expect, test } from "vitest";
import { startChromium } from "../kit/chromium.ts";
import { bytesOf } from "../kit/source.ts";
import { servedDifference } from "../kit/wire.ts";

const MAIN = fileURLToPath(new URL("../../examples/browser/main.ts", import.meta.url));
const CONTENT = { seed: 41, size: 9 * MIB + 5 };
const stops: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

test("a page in plain HTML sends a file", async () => {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-example-"));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const [port, pagePort] = [await freePort(), await freePort()];
  const env = { HOLDFAST_SERVE_ORIGINS: `http://127.0.0.1:${pagePort}` };
  const server = await startServer({ data: join(directory, "data"), port, env });
  stops.push(() => stopServer(server));
  const example = startProgram([
    ...[process.execPath, MAIN],
    ...["--to", server.url, "--port", String(pagePort)],
  ]);
  stops.push(async () => {
    example.kill("SIGKILL");
    await example.exit;
  });
  const address = textOf(await example.event("listening"), "url");
  const browser = await startChromium();
  stops.push(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(address);
  const source = join(directory, "talk.bin");
  await writeFile(source, bytesOf(CONTENT, 0, CONTENT.size));
  await page.setInputFiles("#file", source);
  const link = page.locator("#what a");
  await link.waitFor();
  const file = (await link.getAttribute("href")) ?? "";
  expect(await servedDifference(server.url, new URL(file).pathname, CONTENT)).toBeUndefined();
  expect(await page.locator("#state").textContent()).toBe("complete");
  expect(await page.locator("#bar").getAttribute("value")).toBe("1");
  expect(complaints).toEqual([]);
}, 300_000);
