// A creation with all of its bytes, and a server that is killed while they come: what an interim response told is there afterwards, and the rest goes on behind it.
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { decodeUpload } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { createRandom } from "@holdfast/testkit/random";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { ask } from "./kit/wire.ts";

const ROUNDS = 4;
const content = Buffer.from(createRandom("killed while it is created").bytes(24_000_001));
const PIECE = 100_000;

interface Told {
  readonly location: string;
  /** What the last interim response said of the offset. */
  readonly offset: number;
}

/** Sends all but the end, and kills the server once it has told of some bytes and this many more pieces are on their way. */
async function createAndKill(server: ServerProcess, more: number): Promise<Told> {
  let told: Told = { location: "", offset: 0 };
  const { promise: isEnough, resolve } = Promise.withResolvers<void>();
  const { port, hostname } = new URL(server.url);
  const req = request({
    ...{ host: hostname, port, method: "POST", path: "/v1/files" },
    headers: {
      "content-length": content.length,
      "upload-complete": "?1",
      "upload-draft-interop-version": "8",
    },
  });
  req.on("information", ({ statusCode, headers }) => {
    expect(statusCode).toBe(104);
    const { location = told.location, "upload-offset": offset = told.offset } = headers;
    told = { location: String(location), offset: Number(offset) };
    if (told.offset > 0) resolve();
  });
  req.on("error", () => undefined);
  let left = more;
  for (let at = 0; at + PIECE < content.length && left > 0; at += PIECE) {
    if (told.offset > 0) left--;
    if (!req.write(content.subarray(at, at + PIECE))) await once(req, "drain");
  }
  await isEnough;
  await killServer(server);
  req.destroy();
  return told;
}

it("keeps what it told by 104, whenever it is killed", { timeout: 120_000 }, () =>
  withScratch(async (directory) => {
    const options = { data: join(directory, "data"), port: await freePort() };
    for (let round = 0; round < ROUNDS; round++) {
      const { location, offset } = await createAndKill(await startServer(options), 1 + 30 * round);
      expect([location, offset > 0]).toEqual([expect.stringMatching("^/v1/uploads/"), true]);
      const server = await startServer(options);
      const head = await ask(server.url, { method: "HEAD", path: location });
      expect(head.headers["upload-length"]).toBe(String(content.length));
      const at = Number(head.headers["upload-offset"]);
      expect(at).toBeGreaterThanOrEqual(offset);
      const rest = await ask(server.url, {
        method: "PATCH",
        path: location,
        headers: {
          "content-type": "application/partial-upload",
          "upload-offset": String(at),
          "upload-complete": "?1",
        },
        body: content.subarray(at),
      });
      expect(rest.status).toBe(201);
      const { file } = decodeUpload(
        JSON.parse((await ask(server.url, { method: "GET", path: location })).text),
      );
      const stored = await fetch(new URL(file?.url ?? "none", server.url));
      expect(Buffer.from(await stored.arrayBuffer()).equals(content)).toBe(true);
      await stopServer(server);
    }
  }),
);
