// The examples for React, Vue and Svelte, built as their READMEs say and served under their own policy: what is chosen arrives, also when the page is loaded anew in the middle.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import type { Browser, Page } from "playwright-core";
import { preview } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChromium } from "../kit/chromium.ts";
import { dropFile } from "../kit/drop-file.ts";
import { openPartTap, type PartTap } from "../kit/part-tap.ts";
import { bytesOf, type Content } from "../kit/source.ts";
import { servedDifference } from "../kit/wire.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLES = ["react", "vue", "svelte"] as const;
/** No run has more than 16 MiB, however well the line is known: the first one leaves something to send. */
const SIZE: number = 20 * MIB + 18;

let directory = "";
let url = "";
let tap: PartTap;
let browser: Browser;
const origins = new Map<string, string>();
const stops: (() => Promise<unknown>)[] = [];

/** Where a test is curious how it looks: pictures go there. */
const { HOLDFAST_TEST_PICTURES: PICTURES } = process.env;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-examples-"));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const ports = new Map<string, number>();
  for (const name of EXAMPLES) {
    const port = await freePort();
    ports.set(name, port);
    origins.set(name, `http://127.0.0.1:${port}`);
  }
  const env = { HOLDFAST_SERVE_ORIGINS: [...origins.values()].join(",") };
  const server = await startServer({
    data: join(directory, "data"),
    port: await freePort(),
    env,
  });
  stops.push(() => stopServer(server));
  url = server.url;
  tap = await openPartTap(url);
  stops.push(tap.close);
  await Promise.all(EXAMPLES.map(build));
  process.env["VITE_HOLDFAST"] = tap.url;
  for (const [name, port] of ports) stops.push(await serve(name, port));
  browser = await startChromium();
  stops.push(() => browser.close());
}, 300_000);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** In a process of its own: the framework that is built in must not take itself to be in a test. */
async function build(name: string): Promise<void> {
  const vite = join(ROOT, "node_modules/vite/bin/vite.js");
  const words = [vite, "build", join(ROOT, "examples", name), "--outDir", join(directory, name)];
  const env = { ...process.env, NODE_ENV: "production", VITE_HOLDFAST: tap.url };
  await promisify(execFile)(process.execPath, words, { env });
}

async function serve(name: string, port: number): Promise<() => Promise<void>> {
  const served = await preview({
    root: join(ROOT, "examples", name),
    logLevel: "error",
    build: { outDir: join(directory, name) },
    preview: { host: "127.0.0.1", port, strictPort: true },
  });
  return () => served.close();
}

async function write(name: string, content: Content): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytesOf(content, 0, content.size));
  return path;
}

async function look(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return;
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

test.each(EXAMPLES.map((name, index) => [name, index] as const))(
  "the example for %s sends a file, goes on after a reload, and says what is wrong",
  async (name, index) => {
    const content = { seed: 910 + index, size: SIZE };
    const talk = await write(`talk-${name}.bin`, content);
    const other = await write("other.bin", { seed: 920, size: 17 });
    const says = `talk-${name}.bin`;
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const refused: string[] = [];
    page.on("console", (message) => {
      if (/Content Security Policy|TypeError|ReferenceError/.test(message.text()))
        refused.push(message.text());
    });
    page.on("pageerror", (error) => refused.push(String(error)));
    await page.goto(origins.get(name) ?? "");
    const before = tap.sent.length;
    const passed = tap.only(1);
    // The browser gives a handle of what is dropped.
    await dropFile(page, ".drop", talk);
    await passed;
    const bar = page.getByRole("progressbar", { name: says });
    await page.locator("progress:not([value='0'])").waitFor();
    expect(Number(await bar.getAttribute("value"))).toBeLessThan(SIZE);
    await page.getByRole("button", { name: `Pause ${says}` }).click();
    await page.getByRole("button", { name: `Resume ${says}` }).waitFor();
    await look(page, `${name}-paused`);

    await page.reload();
    const goOn = page.getByRole("button", { name: `Go on ${says}` });
    await rename(talk, `${talk}.away`);
    await goOn.click();
    await page.getByRole("alert").getByText("Choose it again where it is now").waitFor();
    await page.getByLabel(`choose ${says} again`).setInputFiles(other);
    await page
      .getByRole("alert")
      .getByText("other.bin is not the file that this upload began with")
      .waitFor();
    await look(page, `${name}-other`);
    await rename(`${talk}.away`, talk);
    tap.open();
    await goOn.click();
    const link = page.getByRole("link", { name: says });
    await link.waitFor();
    const file = (await link.getAttribute("href")) ?? "";
    expect(await servedDifference(url, new URL(file).pathname, content)).toBeUndefined();
    await page.getByRole("status").getByText(`${says}: Complete`).waitFor({ state: "attached" });
    expect(Number(await bar.getAttribute("value"))).toBe(SIZE);
    await page.getByText("Begun earlier").waitFor({ state: "detached" });
    // What was committed before is not sent again.
    const sent = tap.sent.slice(before);
    expect([...new Set(sent)]).toHaveLength(sent.length);
    await look(page, `${name}-complete`);
    expect(refused).toEqual([]);
    await page.close();
  },
  180_000,
);

test("a component that goes away in the middle ends what it was at, and it can be gone on with", async () => {
  const content = { seed: 930, size: SIZE };
  const talk = await write("left.bin", content);
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(origins.get("vue") ?? "");
  const passed = tap.only(1);
  await dropFile(page, ".drop", talk);
  await passed;
  await page.locator("progress:not([value='0'])").waitFor();
  expect(page.workers().length).toBeGreaterThan(0);
  await page.evaluate("document.getElementById('app').__vue_app__.unmount()");
  await expect.poll(() => page.workers().length).toBe(0);
  tap.open();
  await page.reload();
  await page.getByRole("button", { name: "Go on left.bin" }).click();
  const link = page.getByRole("link", { name: "left.bin" });
  await link.waitFor();
  const file = (await link.getAttribute("href")) ?? "";
  expect(await servedDifference(url, new URL(file).pathname, content)).toBeUndefined();
  expect(errors).toEqual([]);
  await page.close();
}, 180_000);

test("a build takes both workers along, as scripts of their own", async () => {
  for (const name of EXAMPLES) {
    const names = await readdir(join(directory, name, "assets"));
    const scripts = names.map((one) => one.replace(/-[\w-]{8}\.js$/, ""));
    expect(scripts).toEqual(expect.arrayContaining(["worker", "hash-worker"]));
  }
});

test("the examples share what is not about their framework, word for word", async () => {
  for (const shared of ["picked.js", "words.js", "style.css"]) {
    const texts = EXAMPLES.map((name) => readFile(join(ROOT, "examples", name, "src", shared)));
    const [first, ...others] = (await Promise.all(texts)).map(String);
    for (const text of others) expect(text).toBe(first);
  }
});
