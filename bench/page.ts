// docs/performance.md and its charts, written from what was measured last: no figure in it is typed by hand.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { drawChart } from "./chart.ts";
import type { Report, Section } from "./report.ts";
import { HEAD, type Row, showRow } from "./row.ts";

const PAGE = new URL("../docs/performance.md", import.meta.url);
const CHARTS = new URL("../docs/charts/", import.meta.url);

/** What each section is about: a heading and what is compared. */
const TEXTS: Readonly<Record<string, readonly [string, string]>> = {
  parallel: [
    "Parallel uploads",
    "1 GiB as 128 bodies of 8 MiB on 8 connections. Holdfast verifies the SHA-256 of every MiB and flushes before it answers; none of the others does either. BLAKE3 is the same with another digest.",
  ],
  "one-file": [
    "One large file",
    "A file of 1 GiB sent by `holdfast upload`, beside `@tus/server` fed by tus-js-client and by a generator that costs next to nothing; then both by tus, and Holdfast by Resumable Uploads for HTTP, from that generator. Holdfast verifies every part, flushes and publishes a manifest.",
  ],
  small: [
    "Small uploads",
    "Files of 64 KiB, one request each, on 8 connections. Holdfast's are verified, durable and published with a manifest when the 201 comes.",
  ],
  downloads: [
    "Downloads",
    "4 GiB from the page cache, figures for one. nginx has the kernel send files, and so has Holdfast on Linux, by `node:ffi`; `send` is what Express serves files by, on the same Node.",
  ],
  client: [
    "The client",
    "Processor time of the SDK for 1 GiB from a file in memory, digested and sent, and back to a file on the disk, verified. It cannot be less than what SHA-256 alone costs on the machine.",
  ],
  browser: [
    "From a browser",
    "A file of 1 GiB from a page in Chromium to a server on the same machine, published at the end; beside one bare `fetch` with the same file as its body, to the same server: one run of 64 parts whose digests were made beforehand, verified and flushed too. Nothing of that file passes through the page, and nobody digests it; so also beside a page of a few lines that read the file, digest each part and send it, with no thought of cuts, stops and other tabs.",
  ],
  fetch: [
    "Downloaders",
    "A file of 1 GiB from a server of ours on the same machine to a file on the disk, by whole commands: `holdfast download` verifies every part and flushes; aria2 with 16 connections and curl do neither.",
  ],
  "fetch-line-a": [
    "Downloaders on a line that is reset",
    "100 MiB from a server of ours over 20 Mbit/s, 150 ms away, each connection reset after 8 MiB of the server's on average, the same resets for everybody; whole commands, start-up and all. aria2 has 16 connections and tries again at once for as long as it takes, and so does curl, which goes on from what it has (`until curl -C - ...`). Holdfast verifies every part and flushes; the others do neither.",
  ],
  follow: [
    "Readers who follow an upload",
    "100 readers who follow an upload while it grows, beside 100 who download the same bytes as a file: the server's processor time without what the upload itself costs. On Linux the kernel sends what the page cache has of a file, and nothing of what grows: downloads that pass through memory, as over TLS, are told, too.",
  ],
  direct: [
    "What an upload straight to a store takes of the server",
    "A file of 1 GiB goes to SeaweedFS by requests that the server signs; the server's processor time and traffic, after an upload that warmed it up.",
  ],
  s3: [
    "Straight to a store",
    "A file of 1 GiB in memory to SeaweedFS on the same machine, in parts of 8 MiB, four at once, by whole commands. Holdfast's digests every part by SHA-256, has the store hold it to that, keeps what it needs to go on after a crash, and publishes a manifest; none of the others can go on.",
  ],
  "line-a": [
    "A line that is reset",
    "100 MiB over 20 Mbit/s, 150 ms away, each connection reset after 8 MiB on average, the same resets for both. The delay is a TCP proxy's; a line's share is of the time that the bytes alone need.",
  ],
  "line-a-freezes": [
    "A line that freezes",
    "The same, and one of ten connections goes silent instead of ending.",
  ],
  "line-b": [
    "A line that loses packets",
    "200 Mbit/s, 100 ms, 0.5 % of packets lost, between two network namespaces, so that TCP feels the distance. Cubic gives one connection about 2 Mbit/s there, whatever sends.",
  ],
  "line-c": ["A very slow line", "12 MiB over 67 KB/s, all connections reset every minute."],
  "browser-line-a": [
    "From a browser over a line that is reset",
    "The line and the resets of the command line's row, from a page in Chromium that is of another origin than the servers, so that each run has its preflight; tus-js-client is as its documentation has it, in the same Chromium to `@tus/server`. Chromium sends what it was sending once more by itself when a connection breaks; that is among what is sent twice.",
  ],
  "browser-line-a-freezes": [
    "From a browser over a line that freezes",
    "The same, and one of ten connections goes silent instead of ending.",
  ],
  "browser-line-c": [
    "From a browser over a very slow line",
    "8 MiB over 67 KB/s, all connections reset every minute.",
  ],
  memory: ["Memory", "What uploads at once add to an idle server, as its highest mark."],
  scale: [
    "Many parts",
    "1 TiB by its records and digests alone, with the bytes left out; uploads of many parts of 256 KiB; and a reading back of all bytes before the file is published.",
  ],
  records: ["Many records", "What one step costs among a million uploads, beside a thousand."],
  "records-postgres": [
    "Many records in PostgreSQL",
    "The same, flushed by a PostgreSQL of its own with settings as it is installed, but for 32 MB of buffers and no checkpoints.",
  ],
  "scale-disk": ["100,000 parts", "One upload of 24 GiB in parts of 256 KiB, once."],
  "slow-flush": [
    "A slow disk",
    "Every flush takes 10 ms longer, put in below the server: it should cost latency, not throughput.",
  ],
};

export async function writePage(report: Report): Promise<void> {
  const names = [...new Set([...Object.keys(TEXTS), ...Object.keys(report)])];
  await rm(CHARTS, { recursive: true, force: true });
  await mkdir(CHARTS, { recursive: true });
  const sections: string[] = [];
  for (const name of names) {
    const section = report[name];
    if (section) sections.push(await showSection(name, section));
  }
  if (sections.length === 0) throw new Error("nothing was measured yet: run `npm run bench` first");
  await writeFile(PAGE, [INTRODUCTION, ...sections].join("\n\n").concat("\n"));
}

const INTRODUCTION = `# Performance

Written by \`npm run bench -- --page\` from the last \`npm run bench\`. All rounds of a section run in turn (A B C, A B C, ...) on one machine, server and
load generator together; a figure is the median with the least and the most of the rounds. Only figures of one section may be compared, and the ratio says
more than the figure: the same program differs by a factor between two machines. CPU is that of the server with all its processes.`;

async function showSection(name: string, section: Section): Promise<string> {
  const [title, text] = TEXTS[name] ?? [name, ""];
  const { at, machine, rounds, rows } = section;
  const when = `${machine}; ${rounds.measured} rounds; ${at.slice(0, 10)}.`;
  const charts = await drawCharts(name, rows);
  const table = [HEAD, ...rows.map(showRow)].join("\n");
  return [`## ${title}`, text, ...charts, table, when].filter(Boolean).join("\n\n");
}

async function drawCharts(section: string, rows: readonly Row[]): Promise<readonly string[]> {
  const links: string[] = [];
  for (const { name, chart } of rows) {
    if (!chart) continue;
    const file = `${section}-${links.length + 1}.svg`;
    await writeFile(new URL(file, CHARTS), drawChart(name, chart));
    links.push(`![${name}](charts/${file})`);
  }
  return links;
}
