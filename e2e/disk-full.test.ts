// The disk is full: 507, nothing committed is lost, and the same upload goes on when there is room (faults D01, D02).
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { countParts, hasPart, MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, startServer, stopServer, textOf } from "@holdfast/testkit/process";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { fillDisk, holdDisk, makeRoom, onDiskOf, pathInside, smallDisk } from "./kit/small-disk.ts";
import { writeContent } from "./kit/source.ts";
import { startUpload, uploaded } from "./kit/upload.ts";
import {
  ask,
  codeOf,
  completeJob,
  createJob,
  postJson,
  putRun,
  servedDifference,
  statusOf,
  viewOf,
} from "./kit/wire.ts";

it("answers 507, keeps what is committed and goes on with room", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const disk = join(directory, "disk");
    await mkdir(disk);
    const server = await startServer({
      data: join(disk, "data"),
      port: await freePort(),
      wrapper: smallDisk(disk, 96 * MIB),
    });
    const content = { seed: 61, size: 16 * MIB + 77 };
    const job = await createJob(server.url, content);
    for (let at = 0; at < 4; at++) {
      expect((await putRun(server.url, job, [at, at + 1])).status).toBe(200);
    }
    const filler = pathInside(server.serverPid, join(disk, "filler"));
    await fillDisk(filler, 2.5 * MIB);

    const refused = await putRun(server.url, job, [4, 12]);
    expect([refused.status, codeOf(refused)]).toEqual([507, "storage_full"]);
    expect(refused.headers["retry-after"]).toBeDefined();
    const view = await statusOf(server.url, job.id);
    expect(view.state).toBe("open");
    for (let at = 0; at < 4; at++) expect(hasPart(view.committed, at)).toBe(true);
    expect(countParts(view.committed)).toBeLessThan(12);
    expect((await ask(server.url, { method: "GET", path: "/livez" })).status).toBe(200);

    await makeRoom(filler);
    for (let at = 0; at < 17; at += 8) {
      const reply = await putRunAgain(server.url, job, at);
      expect([reply.status, reply.text]).toEqual([200, reply.text]);
    }
    const done = await completeJob(server.url, job.id);
    expect(done.status).toBe(200);
    const url = viewOf(done).file?.url ?? "";
    expect(await servedDifference(server.url, url, content)).toBeUndefined();
    expect(await stopServer(server)).toEqual({ code: 0, signal: null });
  }),
);

/** An upload that met an I/O fault is looked through first, and says so: 503 with Retry-After. */
async function putRunAgain(
  base: string,
  job: Awaited<ReturnType<typeof createJob>>,
  at: number,
): ReturnType<typeof putRun> {
  for (let tries = 0; tries < 20; tries++) {
    const reply = await putRun(base, job, [at, Math.min(17, at + 8)]);
    if (reply.status !== 503) return reply;
    const seconds = Number(reply.headers["retry-after"] ?? "1");
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
  throw new Error("still 503 after twenty tries");
}

it("lets the command line wait for room", { timeout: 40_000 }, () =>
  withScratch(async (directory) => {
    const disk = join(directory, "disk");
    await mkdir(disk);
    const server = await startServer({
      data: join(disk, "data"),
      port: await freePort(),
      wrapper: smallDisk(disk, 96 * MIB),
    });
    const content = { seed: 62, size: 40 * MIB + 1 };
    const path = join(directory, "source");
    await writeContent(path, content);
    const filler = pathInside(server.serverPid, join(disk, "filler"));
    await fillDisk(filler, 20 * MIB);

    const command = startUpload(path, server.url, join(directory, "state"));
    const retry = await command.event("retry");
    expect(textOf(retry, "code")).toBe("storage_full");
    await makeRoom(filler);
    const done = await uploaded(command);
    const served = new URL(done.url).pathname;
    expect(await servedDifference(server.url, served, content)).toBeUndefined();
    await stopServer(server);
  }),
);

it("refuses a new upload without leaving half a state", { timeout: 60_000 }, () =>
  withScratch(async (directory) => {
    const disk = join(directory, "disk");
    await mkdir(disk);
    const server = await startServer({
      data: join(disk, "data"),
      port: await freePort(),
      wrapper: smallDisk(disk, 32 * MIB),
    });
    const filler = pathInside(server.serverPid, join(disk, "filler"));
    await fillDisk(filler, 0);
    const replies = [];
    for (let tries = 0; tries < 40; tries++) {
      replies.push(await postJson(server.url, "/v1/uploads", { name: `n${tries}`, size: MIB }));
    }
    // Room inside the records' own files may take some; what is refused is refused as 507.
    for (const reply of replies) expect([201, 507]).toContain(reply.status);
    for (const reply of replies.filter(({ status }) => status === 201)) {
      expect((await statusOf(server.url, viewOf(reply).id)).state).toBe("open");
    }
    await makeRoom(filler);
    const job = await createJob(server.url, { seed: 63, size: MIB });
    expect((await putRun(server.url, job, [0, 1])).status).toBe(200);
    expect((await completeJob(server.url, job.id)).status).toBe(200);
    await stopServer(server);
  }),
);

it.each([
  ["stopped", stopServer],
  ["killed", killServer],
] as const)("starts and serves on a full disk after it was %s", { timeout: 60_000 }, (how, end) =>
  withScratch(async (directory) => {
    const disk = join(directory, "disk");
    await mkdir(disk);
    const holder = await holdDisk(disk, 32 * MIB);
    const place = { data: join(disk, "data"), port: await freePort(), wrapper: onDiskOf(holder) };
    const first = await startServer(place);
    const content = { seed: 64, size: MIB };
    const job = await createJob(first.url, content);
    expect((await putRun(first.url, job, [0, 1])).status).toBe(200);
    const url = viewOf(await completeJob(first.url, job.id)).file?.url ?? "";
    await end(first);
    const filler = pathInside(holder.pid, join(disk, "filler"));
    await fillDisk(filler, 0);

    const second = await startServer(place);
    expect(await servedDifference(second.url, url, content)).toBeUndefined();
    const wanted = { name: "n", size: MIB };
    // Nothing is created that is not kept; what a killed server's log has left may take one more.
    const refused = await postJson(second.url, "/v1/uploads", wanted);
    expect(how === "killed" ? [201, 507] : [507]).toContain(refused.status);
    await makeRoom(filler);
    expect((await postJson(second.url, "/v1/uploads", wanted)).status).toBe(201);
    expect(await stopServer(second)).toEqual({ code: 0, signal: null });
    holder.kill("SIGKILL");
  }),
);
