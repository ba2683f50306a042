// A store that refuses, forgets, stalls, spoils and goes away while parts go straight to it: nothing is lost, and as little as can be is sent twice (faults C11, C13, D18, D23, N01, N02, N03).
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError, MIB } from "@holdfast/protocol";
import { createVirtualClock, type VirtualClock } from "@holdfast/testkit/clock";
import type { Fault } from "@holdfast/testkit/s3-double/faults";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Known } from "../../packages/client/src/line.ts";
import { nodePorts } from "../../packages/client/src/node/client.ts";
import { openFileSource } from "../../packages/client/src/node/source.ts";
import { record } from "../../packages/client/src/node/testing/place.ts";
import type { Transport, TransportRequest } from "../../packages/client/src/ports.ts";
import { rememberLine } from "../../packages/client/src/recall.ts";
import { ALONE } from "../../packages/client/src/share.ts";
import { startUpload, type UploadOptions } from "../../packages/client/src/upload.ts";
import { brought, type Direct, startDirect } from "../kit/direct.ts";
import { writeContent } from "../kit/source.ts";
import { servedDifference } from "../kit/wire.ts";

const PARTS = 7;
const SIZE = PARTS * 8 * MIB - 5;

interface Sending {
  readonly direct: Direct;
  readonly clock: VirtualClock;
  /** Whether the store cannot be reached from where the client is: each request to it asks. */
  isAway: () => Promise<boolean>;
  readonly seen: { toStore: number; toServer: number };
  /** Resolves when the store has answered a request. */
  readonly answered: Promise<void>;
  /** Offsets of what was appended, through the server. */
  readonly appends: string[];
  /** Bytes of a body that any connection carries before it is cut. */
  carried: number;
}

/** The request over a line that cuts it where its body has more bytes than that. */
function cutAfter(most: number, one: TransportRequest): TransportRequest {
  const cut = new AbortController();
  let left = most;
  return {
    ...one,
    signal: AbortSignal.any([one.signal, cut.signal]),
    async grant(wanted) {
      if (left <= 0) {
        cut.abort(new HoldfastError("connection_failed", "cut"));
        // Whoever writes hears of that from the socket.
        await new Promise(setImmediate);
      }
      const granted = await one.grant(Math.min(wanted, Math.max(left, 1)));
      left -= granted;
      return granted;
    },
  };
}

let directory = "";
let direct: Direct;
let files = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-e2e-"));
  direct = await startDirect(directory);
});
afterEach(() => direct.double.clearFaults());
afterAll(async () => {
  await direct.close();
  await rm(directory, { recursive: true });
});

/** By a clock that stands still, and passes the waits between attempts at once: nothing is late because this machine is. */
async function sent(
  prepare: (sending: Sending) => void = () => undefined,
  options: Partial<UploadOptions> = {},
  known?: Known,
) {
  const { server, double } = direct;
  const clock = createVirtualClock();
  const answered = Promise.withResolvers<void>();
  const sending: Sending = {
    direct,
    clock,
    isAway: async () => false,
    seen: { toStore: 0, toServer: 0 },
    answered: answered.promise,
    appends: [],
    carried: Number.POSITIVE_INFINITY,
  };
  const content = { seed: ++files, size: SIZE };
  const path = join(directory, `source-${files}`);
  await writeContent(path, content);
  // Nothing is known of the line from the uploads before: what is known makes parts larger, and fewer.
  const stateDir = join(directory, `state-${files}`);
  const ports = { ...nodePorts(stateDir), clock, share: ALONE };
  const transport: Transport = {
    mayRepeat: false,
    async request(asked) {
      const one = cutAfter(sending.carried, asked);
      const isToStore = one.url.startsWith(double.endpoint);
      if (one.method === "PATCH") sending.appends.push(one.headers["upload-offset"] ?? "");
      if (one.method === "PUT") sending.seen[isToStore ? "toStore" : "toServer"]++;
      const nowhere = { ...one, url: one.url.replace(double.endpoint, "http://127.0.0.1:1") };
      if (!isToStore) return ports.transport.request(one);
      const answer = await ports.transport.request((await sending.isAway()) ? nowhere : one);
      answered.resolve();
      return answer;
    },
    close: () => ports.transport.close(),
  };
  if (known) await rememberLine(ports, "up", server.url, known);
  const before = brought(direct);
  prepare(sending);
  const transfer = startUpload(
    () => openFileSource(path),
    { to: server.url, ...options },
    { ...ports, transport },
  );
  const [retries, notices] = [record(transfer, "retry"), record(transfer, "notice")];
  transfer.on("retry", ({ waitMs }) => queueMicrotask(() => clock.advance(waitMs)));
  const { url, bytesSent } = await transfer.done;
  expect(await servedDifference(server.url, new URL(url).pathname, content)).toBeUndefined();
  const codes = retries.map(({ code }) => code);
  return { ...sending, codes, notices, bytesSent, brought: brought(direct) - before };
}

const failing =
  (fault: Fault, { after = 2, times = 2 } = {}) =>
  ({ direct }: Sending) =>
    direct.double.fault({ operation: "part", fault, after, times });

const refusing = (status: number, code: string) => failing({ kind: "refuse", status, code });

describe("parts that go straight to a store", () => {
  it("go there by default, each once, and none through the server", async () => {
    const { seen, brought, codes, notices } = await sent();
    expect({ seen, brought, codes, notices }).toEqual({
      ...{ seen: { toStore: PARTS, toServer: 0 }, brought: PARTS, codes: [], notices: [] },
    });
  });

  it.each([
    ["expired", 403, "AccessDenied"],
    ["by a clock that goes otherwise", 403, "RequestTimeTooSkewed"],
    ["by credentials that have ended", 400, "ExpiredToken"],
  ])("are signed for anew where a request is refused: %s", async (_, status, code) => {
    const { codes, notices, seen } = await sent(refusing(status, code));
    expect([codes, notices]).toEqual([[], []]);
    expect(seen).toEqual({ toStore: PARTS + 2, toServer: 0 });
  });

  it("go through the server where requests are refused however often they are signed", async () => {
    const fault = { kind: "refuse", status: 403, code: "AccessDenied" } as const;
    const { notices, seen } = await sent(failing(fault, { after: 2, times: 12 }));
    expect(notices).toMatchObject([{ code: "signature_refused" }]);
    expect(seen.toServer).toBeGreaterThan(0);
  });

  it("are sent again where the store finds other bytes than were signed for", async () => {
    const { codes, notices, seen } = await sent(failing({ kind: "flip" }));
    expect(codes).toContain("digest_mismatch");
    expect(notices).toEqual([]);
    expect(seen).toEqual({ toStore: PARTS + 2, toServer: 0 });
  });

  it("are not sent again where only the store's answer was lost", async () => {
    const { codes, brought, bytesSent } = await sent(failing({ kind: "lose-answer" }));
    expect(codes).toContain("connection_failed");
    expect([brought, bytesSent]).toEqual([PARTS, SIZE]);
  });

  it.each<[string, (sending: Sending) => void]>([
    ["breaks connections", failing({ kind: "lose-request" })],
    ["is busy", refusing(503, "SlowDown")],
    ["fails inside", refusing(500, "InternalError")],
    ["fails inside although it has the part", failing({ kind: "happened-error" })],
  ])("get there in the end where the store %s", async (_, prepare) => {
    const { notices, seen } = await sent(prepare);
    expect(notices).toEqual([]);
    expect(seen.toServer).toBe(0);
  });
});

describe("a store that cannot be reached from here", () => {
  it("is left alone: parts go through the server, in a moment", async () => {
    const { seen, notices } = await sent((sending) => {
      sending.isAway = async () => true;
    });
    expect(notices).toMatchObject([{ code: "connection_failed" }]);
    expect(seen.toServer).toBeGreaterThan(0);
  });

  /** From the fourth request on, however many are under way at once; the way was open before. */
  const leave = (sending: Sending, ms: number) => {
    let requests = 0;
    let until: number | undefined;
    sending.isAway = async () => {
      requests++;
      if (requests <= 3) return false;
      await sending.answered;
      until ??= sending.clock.monotonic() + ms;
      return sending.clock.monotonic() < until;
    };
  };

  it("is waited for where it was there before, for half a minute", async () => {
    const { seen, notices, codes } = await sent((sending) => leave(sending, 10_000));
    expect(notices).toEqual([]);
    expect(codes).toContain("connection_failed");
    expect(seen.toServer).toBe(0);
  });

  it("is given up for the rest of the upload after that", async () => {
    const { seen, notices } = await sent((sending) => leave(sending, Infinity));
    expect(notices).toMatchObject([{ code: "connection_failed" }]);
    expect(seen.toServer).toBeGreaterThan(0);
  });

  it("is waited for where it was asked for", async () => {
    const { seen, notices } = await sent((sending) => leave(sending, 60_000), {
      transfer: "direct",
    });
    expect(notices).toEqual([]);
    expect(seen.toServer).toBe(0);
  });
});

it("appends through the server what no connection of the line can carry, though nothing was known of it", async () => {
  const { appends, bytesSent } = await sent((sending) => {
    sending.carried = 5 * MIB;
  });
  expect(appends.length).toBeGreaterThan(SIZE / (5 * MIB));
  // Two parts that were cut showed it; nearly all of the rest went once.
  expect(bytesSent).toBeLessThan(1.5 * SIZE);
}, 120_000);

it("appends through the server what a line is too slow for that was slow before", async () => {
  const known = { inFlight: 1, rate: 64 * 1024 };
  const { appends, notices } = await sent(undefined, {}, known);
  // The grid is the store's: it has no parts as small as such a line would like.
  expect(appends).toContain("0");
  expect(notices).toEqual([]);
});
