// Rows: a file of 1 GiB from Chromium over loopback, beside one bare request with the same Blob, and beside a few lines that also digest it; what that costs the page's own thread, and memory.
import { createHash } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { encodePartDigests, encodeRunPath, KIB, MIB } from "@holdfast/protocol";
import { stopServer } from "@holdfast/testkit/process";
import type { Browser, Page } from "playwright-core";
import { startChromium } from "../e2e/kit/chromium.ts";
import { servePages } from "../e2e/kit/pages.ts";
import { writeContent } from "../e2e/kit/source.ts";
import { askJson } from "./ask.ts";
import { figureOf, interleave } from "./measure.ts";
import { completeUpload, createUpload, GIB } from "./plans.ts";
import { type Row, ratioRow, showFigure } from "./row.ts";
import { type Stage, serveHoldfast, settle } from "./stage.ts";

const RATE_MIN = 0.7;
const MEMORY_MAX_MIB = 150;
/** Of the bare request: the most that one run may have. */
const PARTS = 64;
const PART_SIZE: number = GIB / PARTS;
const LOOK_MS = 100;
/** By hand, with digests: as our client does it. */
const BY_HAND = { partSize: 512 * KIB, runParts: 32, inFlight: 3 };

interface Sample {
  /** GiB a second. */
  readonly rate: number;
  /** Of what draws and runs the page, over what it had before, in MiB. */
  readonly growth: number;
}

export async function browserRows(stage: Stage): Promise<readonly Row[]> {
  const path = join(stage.memory, "browser");
  await writeContent(path, { seed: 3, size: GIB });
  const digests = await digestParts(path);
  const pages = await servePages(["holdfast-bench"]);
  const server = await serveHoldfast(stage, "browser", {
    env: { HOLDFAST_SERVE_ORIGINS: pages.origin },
  });
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`${pages.origin}/holdfast-bench`);
    await page.setInputFiles("input[type=file]", path);
    const watched = (send: () => Promise<number>) => watchMemory(browser, page, send);
    const samples = await interleave<Sample>(
      [
        { name: "ours", run: () => watched(() => sendOurs(page, server.url)) },
        { name: "bare", run: () => watched(() => sendBare(page, server.url, digests)) },
        { name: "digesting", run: () => watched(() => sendDigesting(page, server.url)) },
      ],
      stage.rounds,
      async () => {
        await removeFiles(server.url);
        await settle(stage);
      },
    );
    const of = (name: string, field: keyof Sample) =>
      figureOf((samples.get(name) ?? []).map((sample) => sample[field]));
    const growth = of("ours", "growth");
    const tasks = await page.evaluate<readonly number[]>("window.longTasks()");
    return [
      ratioRow({
        name: "1 GiB from Chromium: GiB/s",
        ours: of("ours", "rate"),
        peer: "bare fetch of the same Blob",
        theirs: of("bare", "rate"),
        target: { atLeast: RATE_MIN },
      }),
      ratioRow({
        name: "the same, digested by either: GiB/s",
        ours: of("ours", "rate"),
        peer: "a few lines that read, digest and fetch",
        theirs: of("digesting", "rate"),
      }),
      {
        name: "memory of the page's process over idle: MiB",
        ours: showFigure(growth, 0),
        theirs: `${showFigure(of("bare", "growth"), 0)} bare fetch`,
        value: growth.max,
        target: `<= ${MEMORY_MAX_MIB}`,
        isMet: growth.max <= MEMORY_MAX_MIB,
        data: growth,
      },
      {
        name: "tasks of more than 50 ms on the page's thread",
        ours: `${tasks.length}${tasks.length > 0 ? `, the longest ${Math.max(...tasks)} ms` : ""}`,
        theirs: "",
        value: tasks.length,
        target: "0",
        isMet: tasks.length === 0,
        data: tasks,
      },
    ];
  } finally {
    await browser.close();
    await pages.stop();
    await stopServer(server);
    await rm(path);
  }
}

async function digestParts(path: string): Promise<readonly Uint8Array[]> {
  const file = await open(path, "r");
  const part = Buffer.alloc(PART_SIZE);
  const digests: Uint8Array[] = [];
  try {
    for (let index = 0; index < PARTS; index++) {
      await file.read(part, 0, PART_SIZE, index * PART_SIZE);
      digests.push(createHash("sha256").update(part).digest());
    }
  } finally {
    await file.close();
  }
  return digests;
}

/** What was uploaded goes, so that its write-back does not run into the next measurement. */
async function removeFiles(url: string): Promise<void> {
  const { body } = await askJson(url, "GET", "/v1/files");
  const files = body.get("files");
  if (!Array.isArray(files)) throw new Error("the server lists no files");
  for (const { id } of files) await askJson(url, "DELETE", `/v1/files/${id}`);
}

function sendOurs(page: Page, url: string): Promise<number> {
  return page.evaluate<number>(`sendOurs(${JSON.stringify(url)})`);
}

async function sendBare(page: Page, url: string, digests: readonly Uint8Array[]): Promise<number> {
  const id = await createUpload(url, GIB, { partSize: PART_SIZE });
  const address = new URL(`/v1/uploads/${id}/parts/${encodeRunPath([0, PARTS])}`, url).href;
  const headers = { "part-digest": encodePartDigests("sha-256", digests) };
  const words = [address, headers].map((value) => JSON.stringify(value));
  const seconds = await page.evaluate<number>(`sendBare(${words.join(", ")})`);
  await completeUpload(url, id);
  return seconds;
}

async function sendDigesting(page: Page, url: string): Promise<number> {
  const { partSize } = BY_HAND;
  const id = await createUpload(url, GIB, { partSize });
  const words = [new URL(`/v1/uploads/${id}`, url).href, BY_HAND];
  const given = words.map((value) => JSON.stringify(value)).join(", ");
  const seconds = await page.evaluate<number>(`sendDigesting(${given})`);
  await completeUpload(url, id);
  return seconds;
}

async function watchMemory(
  browser: Browser,
  page: Page,
  send: () => Promise<number>,
): Promise<Sample> {
  const session = await browser.newBrowserCDPSession();
  const pids = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  };
  await page.requestGC();
  const ofAll = async () => {
    const all = await Promise.all((await pids()).map(proportionOf));
    return all.reduce((sum, bytes) => sum + bytes, 0);
  };
  const idle = await ofAll();
  let most = idle;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      most = Math.max(most, await ofAll());
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  })();
  try {
    const seconds = await send();
    return { rate: 1 / seconds, growth: (most - idle) / MIB };
  } finally {
    isOver = true;
    await watching;
    await session.detach();
  }
}

/** Memory of a process in bytes, of what it shares its share; none of one that is gone. */
async function proportionOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
