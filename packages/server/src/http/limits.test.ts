// What one may have, and what there is room for, holds by whichever protocol somebody comes: the same refusal, in the status that its clients understand.
import type { Limits, Policy } from "@holdfast/engine";
import { HoldfastError, isErrorCode, KIB, MIB, PROBLEM_TYPE } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { alice, openPolicy } from "@holdfast/testkit/world";
import { afterEach, describe, expect, it } from "vitest";
import { CONTENT, type Door, IETF, OWN, PARTS, TUS_DOOR } from "./doors.fixture.ts";
import {
  type Answer,
  type Ask,
  ask,
  openRaw,
  rawHead,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "./server.fixture.ts";

const DOORS: readonly Door[] = [OWN, TUS_DOOR, IETF];

let server: TestServer;
afterEach(() => server.close());

async function start(parts: TestServerOptions["parts"] = {}): Promise<void> {
  server = await startTestServer({ parts });
}

function limited(limits: Limits): Policy {
  return { ...openPolicy, authenticate: async () => ({ ...alice, limits }) };
}

const send = (wants: Ask): Promise<Answer> => ask(server, wants);

async function begin(door: Door, size?: number): Promise<string> {
  const answer = await send(door.begin(size));
  expect([door.name, answer.status]).toEqual([door.name, 201]);
  return String(answer.headers.location).split("/").at(-1) ?? "";
}

/** A problem document with this code; gives the status. */
function refusal(answer: Answer, code: string): number {
  if (!isErrorCode(code)) throw new Error(`${code} is no code`);
  expect([answer.headers["content-type"], answer.json["code"]]).toEqual([PROBLEM_TYPE, code]);
  return answer.status;
}

async function offsetOf(id: string): Promise<unknown> {
  return (await send(OWN.look(id))).json["offset"];
}

describe.each(DOORS.map((door) => [door.name, door] as const))("by %s", (_, door) => {
  const isTus = door === TUS_DOOR;

  it("an upload is not begun above the limit of its size, nor gets there", async () => {
    await start({ policy: limited({ sizeMax: 50 * KIB }) });
    const large = await send(door.begin(50 * KIB + 1));
    expect(refusal(large, "size_too_large")).toBe(413);
    expect(large.json["limit"]).toBe(50 * KIB);
    expect((await send(door.begin(50 * KIB))).status).toBe(201);
    const id = await begin(door);
    const late = await send(door.bring(id, 0, CONTENT.subarray(0, 9), 50 * KIB + 1));
    // A part is as long as the size makes it, and an IETF size that is too large contradicts nothing.
    expect(refusal(late, "size_too_large")).toBe(413);
    if (door !== OWN) {
      expect(refusal(await send(door.bring(id, 0, CONTENT)), "size_too_large")).toBe(413);
    }
    expect(await offsetOf(id)).toBe(0);
  });

  it("there are not more uploads than one may have open, until one has ended", async () => {
    await start({ policy: limited({ openMax: 1 }) });
    const id = await begin(door, 10);
    const refused = await send(door.begin(10));
    expect(refusal(refused, "quota_exceeded")).toBe(429);
    expect(refused.headers["retry-after"]).toBeDefined();
    expect((await send(door.end(id))).status).toBe(204);
    await begin(door, 10);
  });

  it("an upload has not more bytes than one may have, and what was told stands", async () => {
    await start({ policy: limited({ bytesMax: 2 * MIB + 100 * KIB }) });
    const large = await send(door.begin(2 * MIB + 100 * KIB + 1));
    expect(refusal(large, "quota_exceeded")).toBe(429);
    const other = await begin(door, 200 * KIB);
    const id = await begin(door);
    expect((await send(door.bring(id, 0, PARTS.subarray(0, MIB)))).status).toBeLessThan(300);
    const more = await send(door.bring(id, MIB, PARTS.subarray(MIB)));
    expect(refusal(more, "quota_exceeded")).toBe(429);
    // Some of the part may have been committed as a tail before it was whole.
    expect((await send(door.look(id))).status).toBeLessThan(300);
    const at = Number(await offsetOf(id));
    expect(at).toBeGreaterThanOrEqual(MIB);
    const late = await send(door.bring(id, at, PARTS.subarray(at), 2 * MIB));
    expect(refusal(late, "quota_exceeded")).toBe(429);
    // Room that another upload leaves is room for this one.
    await send(door.end(other));
    expect((await send(door.bring(id, at, PARTS.subarray(at)))).status).toBeLessThan(300);
    expect(await offsetOf(id)).toBe(2 * MIB);
  });

  it("there are not more bodies at once than one may send; who looks is let in, and ends them", async () => {
    await start({ policy: limited({ partsInFlightMax: 1 }), clock: createVirtualClock() });
    const id = await begin(door, CONTENT.length);
    const { body: _body, ...head } = door.bring(id, 0, CONTENT);
    const raw = await openRaw(server);
    const length = { "content-length": String(CONTENT.length) };
    raw.socket.write(rawHead({ ...head, headers: { ...head.headers, ...length } }));
    while (server.timers() === 0) await new Promise((resolve) => setImmediate(resolve));
    const refused = await send(door.bring(id, 0, CONTENT));
    // Clients of tus take 429 for the end, and come again after 503.
    expect(refusal(refused, "too_many_requests")).toBe(isTus ? 503 : 429);
    expect(refused.headers["retry-after"]).toBe("1");
    expect((await send(door.look(id))).status).toBeLessThan(300);
    if (door === OWN) raw.socket.destroy();
    else await raw.until("\r\n\r\n");
    for (;;) {
      const answer = await send(door.bring(id, 0, CONTENT));
      if (answer.status < 300) break;
      refusal(answer, "too_many_requests");
    }
    raw.socket.destroy();
  });

  it("a full storage refuses what comes, keeps what there is, and takes the rest when there is room", async () => {
    let room = 1_000_000;
    const memory = createMemoryStorage();
    const storage = {
      ...memory,
      room: async () => room,
      write: async (...args: Parameters<typeof memory.write>) => {
        if (room === 0) throw new HoldfastError("storage_full");
        await memory.write(...args);
      },
    };
    await start({ storage, keepFree: 1000 });
    const id = await begin(door, CONTENT.length);
    const first = door === OWN ? 0 : 10_000;
    if (first > 0) await send(door.bring(id, 0, CONTENT.subarray(0, first)));
    room = 0;
    const refused = await send(door.bring(id, first, CONTENT.subarray(first)));
    expect(refusal(refused, "storage_full")).toBe(507);
    expect(refused.headers["retry-after"]).toBeDefined();
    expect((await send(door.look(id))).status).toBeLessThan(300);
    expect(await offsetOf(id)).toBeGreaterThanOrEqual(first);
    room = 1_000_000;
    const at = Number(await offsetOf(id));
    expect((await send(door.bring(id, at, CONTENT.subarray(at)))).status).toBeLessThan(300);
    expect(await offsetOf(id)).toBe(CONTENT.length);
  });

  it("no upload is begun where there is little room", async () => {
    await start({ storage: { ...createMemoryStorage(), room: async () => 999 }, keepFree: 1000 });
    const refused = await send(door.begin(10));
    expect(refusal(refused, "storage_full")).toBe(507);
  });

  it("a right that ends, ends what it allowed, and loses nothing", async () => {
    let code: "unauthorized" | "forbidden" | undefined;
    const decide = async () => {
      if (code) throw new HoldfastError(code);
    };
    await start({ policy: { ...openPolicy, decide } });
    const id = await begin(door, CONTENT.length);
    const first = door === OWN ? 0 : 10_000;
    if (first > 0) await send(door.bring(id, 0, CONTENT.subarray(0, first)));
    for (const [why, status] of [
      ["unauthorized", 401],
      ["forbidden", 403],
    ] as const) {
      code = why;
      expect(refusal(await send(door.begin(10)), why)).toBe(status);
      expect(refusal(await send(door.bring(id, first, CONTENT.subarray(first))), why)).toBe(status);
      expect((await send(door.look(id))).status).toBe(status);
      expect((await send(door.end(id))).status).toBe(status);
    }
    code = undefined;
    expect(await offsetOf(id)).toBe(first);
    expect((await send(door.bring(id, first, CONTENT.subarray(first)))).status).toBeLessThan(300);
  });

  it("an upload that has expired is gone for good, and takes nothing", async () => {
    const clock = createVirtualClock();
    await start({ clock });
    const id = await begin(door, CONTENT.length);
    clock.advance(25 * 60 * 60 * 1000);
    await server.engine.sweep("server", { isDryRun: false });
    expect(refusal(await send(door.bring(id, 0, CONTENT)), "upload_ended")).toBe(410);
    const looked = await send(door.look(id));
    expect(looked.status).toBe(410);
    expect(looked.headers["upload-offset"]).toBeUndefined();
    expect((await send(OWN.look(id))).json["state"]).toBe("expired");
  });

  it("there is nothing of somebody else's", async () => {
    let tenant = "wonderland";
    const authenticate = async () => ({ ...alice, tenant });
    await start({ policy: { ...openPolicy, authenticate } });
    const id = await begin(door, CONTENT.length);
    tenant = "elsewhere";
    expect(refusal(await send(door.bring(id, 0, CONTENT)), "upload_not_found")).toBe(404);
    expect((await send(door.look(id))).status).toBe(404);
    expect((await send(door.end(id))).status).toBe(404);
    tenant = "wonderland";
    expect((await send(door.look(id))).status).toBeLessThan(300);
  });
});
