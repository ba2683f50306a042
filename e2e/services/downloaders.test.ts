// Downloaders that everybody has, against our server with its bytes on a disk and in a store: each one cut in the middle goes on where it was, and has the right bytes.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killAll, killServer, type ServerProcess, startServer } from "@holdfast/testkit/process";
import { downloadPrograms } from "@holdfast/testkit/services/install";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Environment, type RealStore, startStore } from "../kit/bucket.ts";
import { bytesOf } from "../kit/source.ts";
import { type Tap, type TappedRequest, tapTo } from "../kit/tap.ts";

const SIZE = 24 * MIB + 4321;
const content = bytesOf({ seed: 7, size: SIZE }, 0, SIZE);
/** Of a downloader that is to be met in the middle: three seconds for all of it, at the least. */
const RATE = "8M";

let programs: Awaited<ReturnType<typeof downloadPrograms>>;
beforeAll(async () => {
  programs = await downloadPrograms();
}, 300_000);
afterAll(killAll);

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

interface Running {
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

function start(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => said.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, said: said.join("") }));
  });
  return { ended, kill: (signal) => void child.kill(signal) };
}

const run = (program: string, args: readonly string[]): Promise<Ended> =>
  start(program, args).ended;

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Of a file with holes. */
const writtenOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ blocks }) => blocks * 512,
    () => 0,
  );

/** Where what was asked for began. */
function startsOf(requests: readonly TappedRequest[]): readonly number[] {
  return requests.map(({ headers }) => {
    const [, start = "0"] = /^bytes=(\d+)-/.exec(headers.get("range") ?? "") ?? [];
    return Number(start);
  });
}

const STORES: readonly (readonly [string, () => Promise<RealStore | undefined>])[] = [
  ["a disk", async () => undefined],
  ["SeaweedFS", () => startStore()],
];

describe.each(STORES)("of a server with its bytes in %s", (_, open) => {
  let directory: string;
  let store: RealStore | undefined;
  let server: ServerProcess;
  let env: Environment;
  let path: string;
  let tap: Tap;
  let out: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-downloaders-"));
    store = await open();
    env = store?.env("downloaders") ?? {};
    const port = await freePort();
    server = await startServer({ data: join(directory, "data"), port, env });
    const stored = await fetch(`${server.url}/v1/files`, {
      method: "POST",
      headers: { "content-disposition": 'attachment; filename="big.bin"' },
      body: new Uint8Array(content),
    });
    expect(stored.status).toBe(201);
    path = new URL(stored.headers.get("location") ?? "", server.url).pathname;
  }, 300_000);
  beforeEach(async () => {
    tap = await tapTo(server.port);
    out = join(await mkdtemp(join(directory, "out-")), "big.bin");
  });
  afterEach(() => tap.close());
  afterAll(async () => {
    await killServer(server);
    await store?.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  const url = () => tap.url + path;

  async function expectWhole(): Promise<void> {
    expect((await readFile(out)).equals(content)).toBe(true);
  }

  /** Lets one run until it has some of it, ends it, and gives what it has left. */
  async function cutInTheMiddle(running: Running, signal: NodeJS.Signals): Promise<number> {
    await expect.poll(() => sizeOf(out), { timeout: 30_000 }).toBeGreaterThan(MIB);
    running.kill(signal);
    await running.ended;
    return sizeOf(out);
  }

  it("curl -C - goes on where it was killed, and fetches nothing twice", async () => {
    const args = ["-sS", "-o", out, url()];
    const there = await cutInTheMiddle(
      start(programs.curl, ["--limit-rate", RATE, ...args]),
      "SIGKILL",
    );
    expect(there).toBeLessThan(SIZE);
    const before = tap.down();
    expect(await run(programs.curl, ["-C", "-", ...args])).toEqual({ code: 0, said: "" });
    await expectWhole();
    expect(tap.requests.at(-1)?.headers.get("range")).toBe(`bytes=${there}-`);
    expect(tap.down() - before).toBeLessThan(SIZE - there + 4096);
    // Once more: there is nothing to fetch, and nothing is spoiled.
    await run(programs.curl, ["-C", "-", ...args]);
    await expectWhole();
  });

  it("curl gets several ranges at once", async () => {
    const ranges = [
      [0, 99],
      [10 * MIB - 50, 10 * MIB + 49],
      [SIZE - 10, SIZE - 1],
    ] as const;
    const wanted = ranges.map(([start, last]) => `${start}-${last}`).join(",");
    const head = `${out}.head`;
    const asked = ["-sS", "-D", head, "-o", out, "-r", wanted, url()];
    expect(await run(programs.curl, asked)).toEqual({ code: 0, said: "" });
    const headers = (await readFile(head, "utf8")).toLowerCase();
    expect(headers).toMatch(/^http\/1.1 206/);
    const [, boundary] = /content-type: multipart\/byteranges; boundary="?([^"\r\n]+)/.exec(
      headers,
    ) ?? [undefined, "none"];
    const body = (await readFile(out)).toString("latin1");
    const parts = body.split(new RegExp(`--${boundary}(?:--)?`, "i")).slice(1, -1);
    const expected = ranges.map(([start, last]) => content.toString("latin1", start, last + 1));
    expect(parts.map((part) => part.slice(part.indexOf("\r\n\r\n") + 4, -2))).toEqual(expected);
  });

  it("wget -c goes on where it was killed", async () => {
    const args = ["-q", "-O", out, url()];
    const there = await cutInTheMiddle(
      start(programs.wget, [`--limit-rate=${RATE}`, ...args]),
      "SIGKILL",
    );
    const before = tap.down();
    expect((await run(programs.wget, ["-c", ...args])).code).toBe(0);
    await expectWhole();
    expect(tap.down() - before).toBeLessThan(SIZE - there + 4096);
  });

  it("wget goes on by itself after a reset, and after the server was killed and came again", async () => {
    const patient = ["--tries=0", "--waitretry=1", "--retry-connrefused", "--timeout=20"];
    const running = start(programs.wget, [
      ...["-q", `--limit-rate=${RATE}`, ...patient, "-O", out],
      url(),
    ]);
    tap.breakAfter(3 * MIB, "reset");
    await expect.poll(() => tap.requests.length, { timeout: 60_000 }).toBe(2);
    // A reset takes along what was on its way.
    const [there = 0] = startsOf(tap.requests.slice(-1));
    expect(there).toBeGreaterThan(0);
    expect(there).toBeLessThanOrEqual(3 * MIB);
    await expect.poll(() => sizeOf(out), { timeout: 60_000 }).toBeGreaterThan(there + MIB);
    await killServer(server);
    server = await startServer({ data: join(directory, "data"), port: server.port, env });
    expect((await running.ended).code).toBe(0);
    await expectWhole();
    expect(tap.down()).toBeLessThan(SIZE + 16 * MIB);
  }, 180_000);

  it("aria2 fetches over 16 connections, goes on where it was stopped, and over broken ones", async () => {
    const args = [
      ...["-q", "-x16", "-s16", "-k1M", "--file-allocation=none", "--max-tries=0"],
      ...["--retry-wait=1", `--dir=${join(out, "..")}`, "-o", "big.bin", url()],
    ];
    const first = start(programs.aria2, ["--max-overall-download-limit=4M", ...args]);
    await expect.poll(() => tap.connections(), { timeout: 60_000 }).toBeGreaterThanOrEqual(16);
    await expect.poll(() => writtenOf(out), { timeout: 60_000 }).toBeGreaterThan(4 * MIB);
    // It writes what it has when it is asked to end; after a kill it knows of the last minute nothing.
    first.kill("SIGINT");
    await first.ended;
    const before = tap.requests.length;
    tap.breakAfter(100_000, "reset");
    expect((await run(programs.aria2, ["-c", ...args])).code).toBe(0);
    await expectWhole();
    // With its first request it only looks how much there is.
    const ranges = tap.requests.slice(before).filter(({ headers }) => headers.has("range"));
    expect(ranges.length).toBeGreaterThan(1);
    expect(Math.min(...startsOf(ranges))).toBeGreaterThan(0);
  }, 180_000);
});
