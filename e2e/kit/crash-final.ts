// kill -9 on the server while it puts finals of tus together: each one that was answered becomes its file at once after the next start, once, and nothing is left of it but that.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeBase64, MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, startServer, stopServer } from "@holdfast/testkit/process";
import { isNetworkError } from "./crash-server.ts";
import type { Ground } from "./pairs.ts";
import { bytesOf, createDice } from "./source.ts";
import { ask, fieldsOf, type Reply, servedDifference } from "./wire.ts";

export interface FinalCrashReport {
  kills: number;
  /** Kills that met a final which was recorded and not whole yet. */
  midway: number;
  files: number;
  readonly violations: string[];
}

export interface FinalCrashOptions {
  readonly kills: number;
  readonly seed: number;
  readonly ground: Ground;
}

type Fields = Readonly<Record<string, string>>;

const BODY = { "content-type": "application/offset+octet-stream" };
/** The name of a final that no kill meets: how long it takes says when the others are met. */
const CALM = "calm";

export async function crashFinals(
  directory: string,
  { kills, seed, ground }: FinalCrashOptions,
): Promise<FinalCrashReport> {
  const report: FinalCrashReport = { kills: 0, midway: 0, files: 0, violations: [] };
  const dice = createDice(seed);
  const name = `finals-${seed}`;
  const data = join(directory, "data");
  const env = ground.env(name, "&part-size-min=5M");
  const place = { data, port: await freePort(), env };
  const content = { seed, size: 40 * MIB + 12_345 };
  let server = await startServer(place);
  const base = server.url;
  const partials: string[] = [];
  // None ends where a part does.
  for (const [start, end] of [
    [0, 11 * MIB + 1],
    [11 * MIB + 1, 11 * MIB + 5],
    [11 * MIB + 5, content.size],
  ] as const) {
    partials.push(await partial(base, bytesOf(content, start, end)));
  }
  const began = performance.now();
  const answered = new Set([CALM]);
  await fileOf(base, pathOf(await final(base, partials, CALM)));
  const calmMs = performance.now() - began;
  for (; report.kills < kills; report.kills++) {
    const asked = `final-${report.kills}`;
    const asking = final(base, partials, asked).catch(unlessCut);
    await sleep(dice.fraction() * calmMs);
    await killServer(server);
    const answer = await asking;
    server = await startServer(place);
    let isMidway = false;
    if (answer) {
      answered.add(asked);
      const { headers } = await send(base, "HEAD", pathOf(answer));
      isMidway = headers["content-location"] === undefined;
      await fileOf(base, pathOf(answer));
    }
    // One that nobody was told of goes on as well, once it was recorded.
    while ((await openUploads(base)) > partials.length) await sleep(100);
    if (isMidway || /"recover.done".*"complete"/.test(server.stderr())) report.midway++;
  }

  const files = await filesOf(base);
  report.files = files.length;
  const names = files.map(({ name }) => name);
  if (new Set(names).size !== names.length) report.violations.push(`published twice: ${names}`);
  for (const name of answered) {
    if (!names.includes(name)) report.violations.push(`${name} was answered, and there is no file`);
  }
  for (const { name, url } of files) {
    const difference = await servedDifference(base, url, content);
    if (difference !== undefined) report.violations.push(`${name}: a wrong byte at ${difference}`);
  }
  for (const path of partials) {
    const { status, headers } = await send(base, "HEAD", path);
    const isWhole = headers["upload-offset"] === headers["upload-length"];
    if (status !== 200 || !isWhole) report.violations.push(`a partial answers ${status}`);
  }
  for (const { url } of files) await remove(base, url, report);
  for (const path of partials) await remove(base, path, report);
  const { code } = await stopServer(server);
  if (code !== 0) report.violations.push(`SIGTERM ended with ${code}`);
  for (const left of await leftIn(data, ground, name)) report.violations.push(`${left} is left`);
  return report;
}

function send(base: string, method: string, path: string, fields: Fields = {}, body?: Uint8Array) {
  const headers = { "tus-resumable": "1.0.0", ...fields };
  return ask(base, { method, path, headers, ...(body ? { body } : {}) });
}

/** Leads to one that has all of its bytes. */
async function partial(base: string, bytes: Uint8Array): Promise<string> {
  const length = { "upload-length": String(bytes.length), "upload-concat": "partial" };
  const path = pathOf(await send(base, "POST", "/tus", length));
  const patched = await send(base, "PATCH", path, { ...BODY, "upload-offset": "0" }, bytes);
  if (patched.status !== 204) throw new Error(`PATCH answered ${patched.status}: ${patched.text}`);
  return path;
}

function final(base: string, partials: readonly string[], name: string): Promise<Reply> {
  const metadata = `filename ${encodeBase64(new TextEncoder().encode(name))}`;
  const concat = `final;${partials.join(" ")}`;
  return send(base, "POST", "/tus", { "upload-concat": concat, "upload-metadata": metadata });
}

function unlessCut(error: unknown): undefined {
  if (!isNetworkError(error)) throw error;
}

function pathOf({ status, headers, text }: Reply): string {
  if (status !== 201) throw new Error(`POST answered ${status}: ${text}`);
  return new URL(String(headers.location), "http://h/tus").pathname;
}

/** As soon as there is one. */
async function fileOf(base: string, path: string): Promise<string> {
  for (;;) {
    const { status, headers } = await send(base, "HEAD", path);
    const url = headers["content-location"];
    if (typeof url === "string") return url;
    if (status !== 200 && status !== 423) throw new Error(`HEAD answered ${status}`);
    await sleep(50);
  }
}

async function openUploads(base: string): Promise<number> {
  const { text } = await ask(base, { method: "GET", path: "/metrics" });
  const [, open] = /^holdfast_uploads_open (\d+)$/m.exec(text) ?? [];
  if (open === undefined) throw new Error("the metrics do not tell how many uploads are open");
  return Number(open);
}

async function filesOf(base: string): Promise<readonly { name: string; url: string }[]> {
  const files = fieldsOf(await ask(base, { method: "GET", path: "/v1/files?limit=1000" }));
  const list = files.get("files");
  if (!Array.isArray(list)) throw new Error("files are not listed");
  return list.map(({ name, url }) => ({ name: String(name), url: String(url) }));
}

async function remove(base: string, path: string, report: FinalCrashReport): Promise<void> {
  const { status } = await send(base, "DELETE", path);
  if (status !== 204) report.violations.push(`DELETE answered ${status}`);
}

/** Once everything was removed there are no bytes. */
async function leftIn(data: string, { store }: Ground, name: string): Promise<readonly string[]> {
  if (!store) {
    const names = await readdir(join(data, "uploads"));
    return names.filter((name) => name !== "away");
  }
  const { objects, unfinished, parts } = await store.look(name);
  const others = objects.filter((key) => key !== "holdfast.json");
  return [
    ...others,
    ...(unfinished > 0 ? [`${unfinished} multipart uploads, ${parts} parts`] : []),
  ];
}
