// kill -9 on the server while one client appends and others store whole files: the appender asks for the offset and goes on from there until all is sent.
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeDigest, KIB, MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { isNetworkError } from "./crash-server.ts";
import type { Ground, Pair } from "./pairs.ts";
import { bytesOf, type Content, createDice, type Dice, digestOfPart } from "./source.ts";
import { ask, fieldsOf, postJson, servedDifference } from "./wire.ts";

export interface AppendCrashReport {
  kills: number;
  /** Appends that began at an offset behind 0: those that resumed. */
  resumed: number;
  /** Bytes that were given to the network again. */
  sentAgain: number;
  storedFiles: number;
  readonly violations: string[];
}

/** Milliseconds that a server lives, at least and at most: where bytes go to a store, a start and a commit take longer. */
const LIFE_MS: Readonly<Record<Pair["storage"], readonly [number, number]>> = {
  disk: [50, 500],
  s3: [300, 2000],
};
/** Bytes for each kill: they go out at 20 MB a second at most, and have to outlast the kills. */
const SIZE_A_KILL: Readonly<Record<Pair["storage"], number>> = { disk: 5 * MIB, s3: 24 * MIB };

export interface AppendCrashOptions {
  readonly kills: number;
  readonly seed: number;
  readonly ground: Ground;
}

export async function crashAppends(
  directory: string,
  { kills, seed, ground }: AppendCrashOptions,
): Promise<AppendCrashReport> {
  const report: AppendCrashReport = {
    kills: 0,
    resumed: 0,
    sentAgain: 0,
    storedFiles: 0,
    violations: [],
  };
  const dice = createDice(seed);
  const port = await freePort();
  const name = `appends-${seed}`;
  const place = { data: join(directory, "data"), port, env: ground.env(name) };
  const { storage } = ground.pair;
  let server = await startServer(place);
  const base = server.url;
  const small = storage === "s3" ? {} : { partSize: 256 * KIB };
  const made = await postJson(base, "/v1/uploads", { name: "appended", ...small });
  const path = `/v1/uploads/${fieldsOf(made).get("id")}`;
  const content = { seed, size: kills * SIZE_A_KILL[storage] + 12_345 };
  const state = { isOver: false };
  const files: Stored[] = [];
  const storing = storeOn(base, dice, state, files);
  const appending = appendOn(base, path, content, report).finally(() => {
    state.isOver = true;
  });
  let reached = 0;
  while (report.kills < kills && !state.isOver) {
    await sleep(dice.whole(...LIFE_MS[storage]));
    // However slow the machine is, some of the kills come after a commit.
    if (dice.isHit(0.5)) reached = await offsetAbove(base, path, reached, state);
    server = await crash(server, place);
    report.kills++;
  }
  const url = await appending;
  await storing;
  const difference = await servedDifference(base, url, content);
  if (difference !== undefined) report.violations.push(`appended: a wrong byte at ${difference}`);
  for (const file of files) await checkFile(base, file, report);
  const { objects = [] } = (await ground.store?.look(name)) ?? {};
  for (const tail of tailsOfFiles(objects)) report.violations.push(`${tail}: its upload is a file`);
  const { code } = await stopServer(server);
  if (code !== 0) report.violations.push(`SIGTERM ended with ${code}`);
  return report;
}

/** Looks, without ending what is appended, until there is more than before. */
async function offsetAbove(
  base: string,
  path: string,
  before: number,
  state: { readonly isOver: boolean },
): Promise<number> {
  for (;;) {
    const offset = Number(fieldsOf(await ask(base, { method: "GET", path })).get("offset"));
    if (offset > before || state.isOver) return offset;
    await sleep(20);
  }
}

/** A file's bytes are in its parts: nothing of its tail is left. */
function tailsOfFiles(objects: readonly string[]): readonly string[] {
  const owners = new Set(
    objects
      .filter((key) => key.includes("/manifest/"))
      .map((key) => key.slice(0, key.indexOf("manifest/"))),
  );
  return objects.filter((key) => owners.has(key.slice(0, key.indexOf("tail/"))));
}

async function crash(
  server: ServerProcess,
  place: Parameters<typeof startServer>[0],
): Promise<ServerProcess> {
  await killServer(server);
  return startServer(place);
}

/** Appends until the upload is complete; gives the file's address. */
async function appendOn(
  base: string,
  path: string,
  content: Content,
  report: AppendCrashReport,
): Promise<string> {
  let told = 0;
  let sent = 0;
  for (;;) {
    const head = await whileAway(() => ask(base, { method: "HEAD", path }));
    const file = head.headers["content-location"];
    if (head.headers["upload-complete"] === "?1") return String(file);
    const offset = Number(head.headers["upload-offset"]);
    if (head.status !== 204 || !(offset >= told)) {
      report.violations.push(`HEAD said ${head.status}, offset ${offset} after ${told}`);
      return "";
    }
    told = offset;
    report.sentAgain += Math.max(0, sent - offset);
    if (offset > 0) report.resumed++;
    sent = offset + (await sendPaced(base, path, content, offset));
  }
}

/** Sends what is left, in pieces and pauses, and resolves with how much went out when the answer or the cut is there. */
async function sendPaced(
  base: string,
  path: string,
  content: Content,
  offset: number,
): Promise<number> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const sending = request(new URL(path, base), {
    method: "PATCH",
    headers: {
      "content-type": "application/partial-upload",
      "content-length": `${content.size - offset}`,
      "upload-offset": `${offset}`,
      "upload-complete": "?1",
    },
  });
  let isOver = false;
  const end = (): void => {
    isOver = true;
    resolve();
  };
  sending.on("error", end).on("response", (response) => response.resume().on("close", end));
  let at = offset;
  while (at < content.size && !isOver) {
    const next = Math.min(content.size, at + 300_001);
    sending.write(bytesOf(content, at, next));
    at = next;
    await sleep(15);
  }
  sending.end();
  await over;
  return at - offset;
}

interface Stored {
  readonly url: string;
  readonly content: Content;
}

/** Stores one whole file after another; what was answered with 201 must be there for good. */
async function storeOn(
  base: string,
  dice: Dice,
  state: { readonly isOver: boolean },
  files: Stored[],
): Promise<void> {
  while (!state.isOver) {
    const content = { seed: dice.whole(1, 2 ** 31), size: dice.whole(0, 400 * KIB) };
    const grid = { size: content.size, partSize: 512 * KIB };
    const digest =
      content.size === 0
        ? {}
        : { "content-digest": encodeDigest("sha-256", digestOfPart(content, grid, 0)) };
    const headers = { "content-disposition": "attachment; filename=stored", ...digest };
    const body = bytesOf(content, 0, content.size);
    try {
      const reply = await ask(base, { method: "POST", path: "/v1/files", headers, body });
      if (reply.status === 201) files.push({ url: String(reply.headers.location), content });
    } catch (error) {
      if (!isNetworkError(error)) throw error;
    }
    await sleep(5);
  }
}

async function checkFile(
  base: string,
  { url, content }: Stored,
  report: AppendCrashReport,
): Promise<void> {
  report.storedFiles++;
  const difference = await servedDifference(base, url, content).catch(String);
  if (difference !== undefined) report.violations.push(`${url}: stored, and now ${difference}`);
}

async function whileAway<T>(task: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!isNetworkError(error)) throw error;
      await sleep(20);
    }
  }
}
