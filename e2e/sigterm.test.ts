// SIGTERM with uploads in flight: out within ten seconds, with 0, and nothing acknowledged is gone (fault S05).
import { join } from "node:path";
import { hasPart, MIB, partCount } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { openBody } from "./kit/slow-body.ts";
import { writeContent } from "./kit/source.ts";
import { startUpload, uploaded } from "./kit/upload.ts";
import { createJob, putRun, runOf, servedDifference, statusOf } from "./kit/wire.ts";

it("ends in peace and goes on afterwards", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const place = { data: join(directory, "data"), port: await freePort() };
    const first = await startServer(place);
    const content = { seed: 51, size: 64 * MIB + 3 };
    const path = join(directory, "source");
    await writeContent(path, content);
    const command = startUpload(path, first.url, join(directory, "state"), ["--limit-rate", "16M"]);
    await command.event("progress");

    const job = await createJob(first.url, { seed: 52, size: 5 * MIB });
    expect((await putRun(first.url, job, [3, 4])).status).toBe(200);
    // A body of three parts that stops after one and a half, and stays open.
    const body = await openBody(first.port, runOf(job, [0, 3]), 1.5 * MIB);

    const askedAt = performance.now();
    expect(await stopServer(first)).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAt).toBeLessThan(10_000);
    body.destroy();

    const second = await startServer(place);
    const view = await statusOf(second.url, job.id);
    expect(view.state).toBe("open");
    // The whole part of the broken run was kept: a graceful end costs what was not whole.
    expect([0, 1, 2, 3].map((index) => hasPart(view.committed, index))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    const done = await uploaded(command);
    expect(done.command.events.filter((event) => event.name === "created")).toHaveLength(1);
    expect(await servedDifference(second.url, new URL(done.url).pathname, content)).toBeUndefined();
    expect((await putRun(second.url, job, [0, partCount(job.grid)])).status).toBe(200);
    await stopServer(second);
  }),
);

it("goes on without a log when nobody reads it any more, and still ends in peace", () =>
  withScratch(async (directory) => {
    // The reader of the pipe is gone before the first line.
    const script = 'pipe=$1; shift; mkfifo "$pipe"; true <"$pipe" & exec "$@" 2>"$pipe"';
    const wrapper = ["sh", "-c", script, "sh", join(directory, "log")];
    const place = { data: join(directory, "data"), port: await freePort(), wrapper };
    const server = await startServer(place);
    const job = await createJob(server.url, { seed: 53, size: MIB });
    expect((await putRun(server.url, job, [0, 1])).status).toBe(200);
    expect(await stopServer(server)).toEqual({ code: 0, signal: null });
  }));
