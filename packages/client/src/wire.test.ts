import { encodeProblem, HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { createAuth, type TokenSource } from "./auth.ts";
import { sizeOf } from "./body.ts";
import { createLimit, type Limit, UNLIMITED } from "./limit.ts";
import type { Clock, Transport, TransportRequest, TransportResponse } from "./ports.ts";
import { createWire } from "./wire.ts";

const STALL_MS = 1_000;

/** A wire to a network in memory, which takes every body at once and then does what it is told. */
function start(
  answer: (request: TransportRequest) => Promise<TransportResponse>,
  token?: TokenSource,
  limitOf: (clock: Clock) => Limit = () => UNLIMITED,
  answered: Set<string> = new Set(),
) {
  const clock = createVirtualClock();
  const transport: Transport = {
    mayRepeat: false,
    request(request) {
      if (request.body) request.onSent(sizeOf(request.body));
      return answer(request);
    },
    close: () => undefined,
  };
  const auth = createAuth(token);
  const wire = createWire({
    transport,
    clock,
    auth,
    limit: limitOf(clock),
    answered,
    transfer: "t",
    stallMs: STALL_MS,
  });
  const { signal, abort } = stopper();
  const send = (body?: Uint8Array) =>
    wire.send(
      {
        method: body ? "PUT" : "GET",
        url: "http://127.0.0.1/x",
        attempt: 1,
        signal,
        ...(body ? { body: [body] } : {}),
      },
      (found) => found.text(),
    );
  const receive = (take: (piece: Uint8Array) => void) =>
    wire.send({ method: "GET", url: "http://127.0.0.1/x", attempt: 1, signal }, (found) =>
      found.read(take),
    );
  return { clock, send, receive, abort };
}

function stopper() {
  const controller = new AbortController();
  const abort = () => controller.abort(new HoldfastError("aborted"));
  return { signal: controller.signal, abort };
}

function response(status: number, text: string): TransportResponse {
  return {
    status,
    header: (name) => (name === "holdfast-version" ? "1" : undefined),
    read: async (take) => take(new TextEncoder().encode(text)),
  };
}

function silence({ signal }: TransportRequest): Promise<TransportResponse> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Everything that waits for nothing but promises. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("the wire", () => {
  it("waits twice as long for the answer to a body after each stall in a row", async () => {
    let isSilent = true;
    const { clock, send } = start((request) =>
      isSilent && request.body ? silence(request) : Promise.resolve(response(200, "x")),
    );
    const stalledAfter = async () => {
      const startedAt = clock.monotonic();
      const sent = send(new Uint8Array(9)).then(
        () => 0,
        () => clock.monotonic() - startedAt,
      );
      await settle();
      while (clock.advanceToNext()) await settle();
      return sent;
    };
    expect(await stalledAfter()).toBe(STALL_MS);
    // Asking for the status in between says nothing about bodies.
    await send();
    expect(await stalledAfter()).toBe(2 * STALL_MS);
    const [one, other] = [stalledAfter(), stalledAfter()];
    expect(await Promise.all([one, other])).toEqual([4 * STALL_MS, 4 * STALL_MS]);
    expect(await stalledAfter()).toBe(8 * STALL_MS);
    isSilent = false;
    await send(new Uint8Array(9));
    isSilent = true;
    expect(await stalledAfter()).toBe(STALL_MS);
  });

  it("does not wait for a token for ever, nor past an abort", async () => {
    const never = () => new Promise<string>(() => undefined);
    const slow = start(() => Promise.resolve(response(200, "x")), never);
    const stalled = expect(slow.send()).rejects.toMatchObject({ code: "stalled" });
    await settle();
    slow.clock.advance(STALL_MS);
    await stalled;
    const stopped = start(() => Promise.resolve(response(200, "x")), never);
    const aborted = expect(stopped.send()).rejects.toMatchObject({ code: "aborted" });
    stopped.abort();
    await aborted;
  });

  it("asks for a token anew where the last question was never answered", async () => {
    let asked = 0;
    const late = () =>
      ++asked === 1 ? new Promise<string>(() => undefined) : Promise.resolve("token");
    const { clock, send } = start(() => Promise.resolve(response(200, "x")), late);
    const stalled = expect(send()).rejects.toMatchObject({
      code: "stalled",
      message: expect.stringContaining("tokens"),
    });
    await settle();
    clock.advance(STALL_MS);
    await stalled;
    expect(await send()).toBe("x");
    expect(asked).toBe(2);
  });

  it("follows no redirect: at an address where Holdfast never answered, it says where it points", async () => {
    const elsewhere = (location: string): TransportResponse => ({
      ...response(302, ""),
      header: (name) => (name === "location" ? location : undefined),
    });
    for (const [location, shown] of [
      ["https://files.example/v1/uploads/x?token=1", "https://files.example"],
      ["https://me:secret@files.example/v1/files/f/manifest", "https://files.example/v1/files/f"],
      ["/login", "http://127.0.0.1/login"],
    ] as const) {
      const sent: TransportRequest[] = [];
      const { send } = start((request) => {
        sent.push(request);
        return Promise.resolve(elsewhere(location));
      });
      await expect(send()).rejects.toMatchObject({
        code: "wrong_address",
        details: { status: 302, location: shown },
      });
      expect(sent.length).toBe(1);
    }
  });

  it("does not say that a redirect leads to itself where a browser hides where it leads", async () => {
    const { send } = start(() =>
      Promise.resolve({ ...response(307, ""), header: () => undefined }),
    );
    await expect(send()).rejects.toMatchObject({ code: "wrong_address", details: { status: 307 } });
    await expect(send()).rejects.toThrow("points elsewhere");
  });

  it("waits for a redirect to pass at an address where Holdfast has answered before", async () => {
    let isPortal = false;
    const { send } = start(() =>
      Promise.resolve(
        isPortal ? { ...response(302, ""), header: () => undefined } : response(200, "x"),
      ),
    );
    await send();
    isPortal = true;
    await expect(send()).rejects.toMatchObject({ code: "not_holdfast", details: { status: 302 } });
  });

  it("waits also where Holdfast has answered another transfer, but at no other address", async () => {
    const portal = { ...response(302, ""), header: () => undefined };
    const answered = new Set(["http://127.0.0.1"]);
    const open = (holdfast: Set<string>) =>
      start(async () => portal, undefined, undefined, holdfast).send();
    await expect(open(answered)).rejects.toMatchObject({ code: "wrong_address" });
    const good = start(async () => response(200, "x"), undefined, undefined, answered);
    await good.send();
    await expect(open(answered)).rejects.toMatchObject({ code: "not_holdfast" });
  });

  it("takes no answer's word for what only the client can know", async () => {
    const details = { retryAfterMs: 3_600_000, refused: true, signal: "SIGKILL", index: 7 };
    const problem = encodeProblem(new HoldfastError("part_busy", undefined, details));
    const { send } = start(() => Promise.resolve(response(409, JSON.stringify(problem))));
    await expect(send()).rejects.toMatchObject({
      code: "part_busy",
      details: { index: 7, status: 409 },
    });
    const error: unknown = await send().catch((thrown: unknown) => thrown);
    for (const name of ["retryAfterMs", "refused", "signal"]) {
      expect(error).not.toHaveProperty(["details", name]);
    }
  });
});

it("what is received at a limited rate is handed on as it may move, in order, and is no stall", async () => {
  const text = "0123456789".repeat(500);
  const { clock, receive } = start(
    async () => response(200, text),
    undefined,
    (time) => createLimit(time, 1_000),
  );
  const pieces: string[] = [];
  const at: number[] = [];
  let isOver = false;
  const received = receive((piece) => {
    pieces.push(new TextDecoder().decode(piece));
    at.push(clock.monotonic());
  }).then(() => {
    isOver = true;
  });
  for (let turns = 0; !isOver; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turns % 5 === 4) clock.advance(10);
  }
  await received;
  expect(pieces.join("")).toBe(text);
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(50);
  // Longer than what would be a stall, and something every 50 ms.
  expect(at.at(-1)).toBeGreaterThan(4 * STALL_MS);
  expect(at[10]).toBeLessThan(STALL_MS);
});
