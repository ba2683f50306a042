// Answers of SeaweedFS that get lost on their way, requests that never get there, and a 200 with an error inside: an upload is one file, or is none, and nothing is left beside it (faults D18, D19, D20, N03).

import { mkdtemp, rm } from "node:fs/promises";
import { request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { killAll, startServer } from "@holdfast/testkit/process";
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Store, startStore } from "../kit/bucket.ts";
import { ask, completeJob, createJob, putRun, servedDifference, viewOf } from "../kit/wire.ts";

const OPERATIONS = {
  begin: ["POST", /\?uploads/],
  part: ["PUT", /[?&]partNumber=/],
  list: ["GET", /[?&]uploadId=/],
  complete: ["POST", /[?&]uploadId=/],
  look: ["HEAD", /\/bytes\//],
  manifest: ["PUT", /\/manifest/],
  abort: ["DELETE", /[?&]uploadId=/],
  remove: ["DELETE", /\/bytes\/[^?]*(\?x-id=DeleteObject)?$/],
} as const;

type Operation = keyof typeof OPERATIONS;
type Fate = "lost answer" | "lost request" | "error inside" | "error inside, and it has happened";

const PREFIX = "lost";
let directory: string;
let store: Store;
let relay: Relay;
let url: string;
/** What the next requests of this kind meet. */
let ill: { readonly operation: Operation; readonly fate: Fate; times: number } | undefined;

beforeAll(async () => {
  store = await startStore(async (target) => {
    relay = await startRelay((request, response) => {
      const [method, path] = ill ? OPERATIONS[ill.operation] : ["", /^$/];
      if (!ill || ill.times === 0 || request.method !== method || !path.test(request.url ?? "")) {
        return passOn(target, request, response);
      }
      ill.times--;
      spoil(ill.fate, target, request, response);
    });
    return relay.url;
  });
  directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
  const env = store.env(PREFIX);
  ({ url } = await startServer({ data: join(directory, "data"), port: 0, env }));
});
afterEach(() => {
  // One that nothing met would prove nothing.
  expect(ill?.times).toBe(0);
  ill = undefined;
});
afterAll(async () => {
  killAll();
  await relay.close();
  await store.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
});

const ERROR =
  '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code><Message>again</Message></Error>';

function spoil(fate: Fate, target: string, request: IncomingMessage, response: ServerResponse) {
  const end = () => {
    if (fate.startsWith("lost")) response.destroy();
    else response.writeHead(200, { "content-type": "application/xml" }).end(ERROR);
  };
  if (fate === "lost request" || fate === "error inside") {
    request.resume().on("end", end);
    return;
  }
  const { method = "", url = "", headers } = request;
  const onward = forward(new URL(url, target), { method, headers }, (answer) =>
    answer.resume().on("end", end),
  );
  request.pipe(onward);
}

const CONTENT = { seed: 31, size: 8 * MIB + 4097 };
it.each<[Operation, Fate, number]>([
  ["begin", "lost answer", 1],
  ["part", "lost answer", 2],
  ["part", "lost request", 2],
  ["list", "lost answer", 2],
  ["complete", "lost answer", 1],
  ["complete", "lost request", 2],
  ["complete", "error inside", 2],
  ["complete", "error inside, and it has happened", 1],
  ["look", "lost answer", 2],
  ["manifest", "lost answer", 1],
  ["manifest", "lost request", 2],
])("an upload is one file where %s meets: %s (%s times)", async (operation, fate, times) => {
  ill = { operation, fate, times };
  const job = await createJob(url, CONTENT);
  expect((await putRun(url, job, [0, 2])).status).toBe(200);
  const done = await completeJob(url, job.id);
  expect(done.status).toBe(200);
  const path = viewOf(done).file?.url ?? "";
  expect(await servedDifference(url, path, CONTENT)).toBeUndefined();
  const { objects, parts } = await store.look(PREFIX);
  expect(objects.filter((key) => key.startsWith("bytes/"))).toHaveLength(1);
  // A begin whose answer was lost leaves a place without parts, which a sweep finds a day later.
  expect(parts).toBe(0);
  expect((await ask(url, { method: "DELETE", path })).status).toBe(204);
  expect((await store.look(PREFIX)).objects).toEqual(["holdfast.json"]);
});

it.each<[Operation, Fate, number]>([
  ["abort", "lost answer", 2],
  ["abort", "lost request", 2],
  ["list", "lost answer", 2],
  ["remove", "lost answer", 2],
])(
  "nothing is left of an upload that is aborted where %s meets: %s (%s times)",
  async (operation, fate, times) => {
    const { unfinished } = await store.look(PREFIX);
    const job = await createJob(url, CONTENT);
    expect((await putRun(url, job, [0, 1])).status).toBe(200);
    ill = { operation, fate, times };
    expect((await ask(url, { method: "DELETE", path: `/v1/uploads/${job.id}` })).status).toBe(204);
    expect(await store.look(PREFIX)).toEqual({
      objects: ["holdfast.json"],
      unfinished,
      parts: 0,
    });
  },
);
