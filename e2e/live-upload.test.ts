// `holdfast upload --live` into a store, of a file and of a pipe: what is committed is read before the rest is sent, and in the end there is one object.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import {
  CLI_ENTRY,
  killAll,
  type ServerProcess,
  startCli,
  startServer,
  textOf,
} from "@holdfast/testkit/process";
import { startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inDouble, type Store } from "./kit/bucket.ts";
import { bytesOf, writeContent } from "./kit/source.ts";

const SIZE = 20 * MIB + 777;
const CONTENT = { seed: 11, size: SIZE };
const content = bytesOf(CONTENT, 0, SIZE);

let directory: string;
let store: Store;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-live-"));
  store = inDouble(await startS3Double());
  server = await startServer({ data: join(directory, "data"), port: 0, env: store.env("live") });
});
afterAll(async () => {
  killAll();
  await server.exit;
  await store.stop();
  await rm(directory, { recursive: true, force: true });
});

const env = () => ({ XDG_STATE_HOME: join(directory, "state") });

/** Follows an upload from its first byte to the file that it becomes. */
async function follow(upload: string): Promise<{ first(): number; all: Promise<Buffer> }> {
  const answer = await fetch(`${upload}/content?follow=1`);
  expect(answer.status).toBe(200);
  const pieces: Uint8Array[] = [];
  const all = (async () => {
    for await (const piece of answer.body ?? []) pieces.push(piece);
    return Buffer.concat(pieces);
  })();
  all.catch(() => undefined);
  return { first: () => pieces.length, all };
}

async function expectOneObject(count: number): Promise<void> {
  const { objects, unfinished } = await store.look("live");
  expect(objects.filter((key) => key.startsWith("bytes/"))).toHaveLength(count);
  expect(unfinished).toBe(0);
  // Nobody waits for the parts to go.
  const left = async () =>
    (await store.look("live")).objects.filter((key) => /\/(?:part|tail)\//.test(key));
  await expect.poll(left, { timeout: 15_000 }).toEqual([]);
}

it("of a file", async () => {
  const path = join(directory, "film.webm");
  await writeContent(path, CONTENT);
  const words = ["upload", path, "--to", server.url, "--live", "--limit-rate", "6M", "--json"];
  const uploading = startCli(words, { env: env() });
  const upload = textOf(await uploading.event("created"), "url");
  const reader = await follow(upload);
  await expect.poll(reader.first, { timeout: 60_000 }).toBeGreaterThan(0);
  expect((await uploading.exit).code).toBe(0);
  expect((await reader.all).equals(content)).toBe(true);
  await expectOneObject(1);
});

it("of a pipe", async () => {
  const words = ["upload", "-", "--name", "film.webm", "--to", server.url, "--live", "--json"];
  const child = spawn(process.execPath, [CLI_ENTRY, ...words], {
    env: { ...process.env, XDG_CONFIG_HOME: "/dev/null", ...env() },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.stdin.write(content.subarray(0, 10 * MIB));
  const found = () => /"created".*?"url":"([^"]+)"/.exec(said)?.[1];
  await expect.poll(found, { timeout: 60_000 }).toBeDefined();
  const reader = await follow(found() ?? "");
  await expect.poll(reader.first, { timeout: 60_000 }).toBeGreaterThan(0);
  child.stdin.end(content.subarray(10 * MIB));
  expect(await ended).toBe(0);
  expect((await reader.all).equals(content)).toBe(true);
  await expectOneObject(2);
});
