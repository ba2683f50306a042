// Parts on their way straight to SeaweedFS: what was spoilt or is not as it was signed, the store itself refuses, and nobody has to do anything about it (faults C13, D23).
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer, textOf } from "@holdfast/testkit/process";
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Store, startStore } from "../kit/bucket.ts";
import { withScratch } from "../kit/scratch.ts";
import { writeContent } from "../kit/source.ts";
import { completion, startUpload } from "../kit/upload.ts";
import { servedDifference } from "../kit/wire.ts";

let store: Store;
let relay: Relay;
/** What happens to the parts that clients bring, in this order. */
let fates: ((request: IncomingMessage) => void)[] = [];
let statuses: number[] = [];
let servers = 0;

beforeAll(async () => {
  store = await startStore(async (target) => {
    relay = await startRelay((request, response) => {
      const isBrought = request.method === "PUT" && request.url?.includes("X-Amz-Signature=");
      if (isBrought) {
        fates.shift()?.(request);
        response.on("finish", () => statuses.push(response.statusCode));
      }
      passOn(target, request, response);
    });
    return relay.url;
  });
});
afterAll(async () => {
  await relay.close();
  await store.stop();
});

const well = () => undefined;

/** Before it is passed on, a bit of the body is another one. */
function flip(request: IncomingMessage): void {
  request.once("data", (piece: Buffer) => piece.writeUInt8(piece.readUInt8(0) ^ 1, 0));
}

const alter = (from: RegExp, to: string) => (request: IncomingMessage) => {
  request.url = request.url?.replace(from, to) ?? "";
};

it.each([
  ["bytes that were spoilt on the way", flip, 400],
  ["a signature that is not the right one", alter(/(Signature=).{8}/, "$100000000"), 403],
  ["a request for another part", alter(/partNumber=\d+/, "partNumber=77"), 403],
  ["a request that has ended", alter(/X-Amz-Date=2\d{3}/, "X-Amz-Date=2019"), 403],
])("refuses %s, and gets what it should in the end", (_, spoil, status) =>
  withScratch(async (directory) => {
    const place = { data: join(directory, "data"), port: await freePort() };
    const server = await startServer({ ...place, env: store.env(`direct-${++servers}`) });
    const content = { seed: 21, size: 6 * 8 * MIB + 1 };
    const path = join(directory, "source");
    await writeContent(path, content);
    fates = [well, spoil, well, spoil];
    statuses = [];
    const complete = await completion(startUpload(path, server.url, join(directory, "state")));
    expect(statuses.filter((one) => one === status)).toHaveLength(2);
    expect(statuses.filter((one) => one === 200)).toHaveLength(7);
    const url = new URL(textOf(complete, "url")).pathname;
    expect(await servedDifference(server.url, url, content)).toBeUndefined();
    await stopServer(server);
  }),
);
