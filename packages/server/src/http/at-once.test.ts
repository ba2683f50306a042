// Requests of several protocols for one upload at the same time: nobody meets a lock, nobody is told an offset that does not hold, and one file comes of it.
import type { MetadataStore } from "@holdfast/engine";
import { decodeUpload, KIB, MIB, type UploadView } from "@holdfast/protocol";
import { createMemoryMetadata } from "@holdfast/testkit/metadata/memory";
import { createRandom } from "@holdfast/testkit/random";
import { afterEach, describe, expect, it } from "vitest";
import { type Door, IETF, OWN, TUS_DOOR } from "./doors.fixture.ts";
import {
  type Answer,
  ask,
  askJson,
  openRaw,
  putRequest,
  type RawConnection,
  rawHead,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from "./server.fixture.ts";

const content = createRandom("at once").bytes(2 * MIB + 777);
const SIZE = content.length;
const BEGUN = 300 * KIB;

let server: TestServer;
afterEach(() => server.close());

async function start(parts: TestServerOptions["parts"] = {}): Promise<UploadView> {
  server = await startTestServer({ parts });
  const made = await askJson(server, "POST", "/v1/uploads", { name: "a", size: SIZE });
  return decodeUpload(made.json);
}

async function status({ id }: UploadView): Promise<UploadView> {
  return decodeUpload((await ask(server, OWN.look(id))).json);
}

const looked = async (door: Door, { id }: UploadView): Promise<readonly unknown[]> => {
  const { status, headers } = await ask(server, door.look(id));
  return [status, headers["upload-offset"]];
};

const OK = { tus: 200, ietf: 204 } as const;

/** An append of everything from the offset on, of which so much has come that `BEGUN` bytes are committed. */
async function appending(door: Door, view: UploadView): Promise<RawConnection> {
  const { body: _body, ...head } = door.bring(view.id, 0, content);
  const raw = await openRaw(server);
  const headers = { ...head.headers, "content-length": String(SIZE) };
  raw.socket.write(rawHead({ ...head, headers }));
  raw.socket.write(content.subarray(0, BEGUN));
  while ((await status(view)).offset < 256 * KIB) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return raw;
}

async function fileOf(view: UploadView): Promise<Buffer> {
  const { state, file } = await status(view);
  expect(state).toBe("complete");
  return (await ask(server, { path: file?.url ?? "" })).bytes;
}

async function finish(view: UploadView): Promise<void> {
  const at = (await status(view)).offset;
  const last = await ask(server, TUS_DOOR.bring(view.id, at, content.subarray(at)));
  expect(last.status).toBe(204);
  expect(await fileOf(view)).toEqual(Buffer.from(content));
}

const BOTH = [
  ["tus", TUS_DOOR],
  ["ietf", IETF],
] as const;
const PAIRS = BOTH.flatMap(([a, first]) =>
  BOTH.map(([b, second]) => [a, b, first, second] as const),
);
const ENDED = { tus: "HTTP/1.1 423", ietf: "HTTP/1.1 409" } as const;

describe("an append in flight", () => {
  it.each(PAIRS)(
    "by %s is ended by who looks by %s, at once, and counts",
    async (a, b, ...doors) => {
      const [first, second] = doors;
      const view = await start();
      const raw = await appending(first, view);
      const [code, offset] = await looked(second, view);
      expect(code).toBe(OK[b]);
      expect(Number(offset)).toBeGreaterThanOrEqual(256 * KIB);
      expect(await raw.until("append_in_progress")).toContain(ENDED[a]);
      // What was told is where the next one goes on.
      const at = Number(offset);
      const more = await ask(server, second.bring(view.id, at, content.subarray(at, at + 9)));
      expect(more.status).toBe(204);
      await finish(view);
      raw.socket.destroy();
    },
  );

  it.each(PAIRS)(
    "by %s gives way to the next by %s, which hears where it is",
    async (a, b, ...doors) => {
      const [first, second] = doors;
      const view = await start();
      const raw = await appending(first, view);
      const next = await ask(server, second.bring(view.id, 0, content));
      expect([b, next.status]).toEqual([b, 409]);
      const offset = Number(next.headers["upload-offset"]);
      expect(offset).toBeGreaterThanOrEqual(256 * KIB);
      expect(await raw.until("append_in_progress")).toContain(ENDED[a]);
      expect(await looked(second, view)).toEqual([OK[b], String(offset)]);
      await finish(view);
      raw.socket.destroy();
    },
  );

  it.each(BOTH)("by %s keeps parts out while it is alive, and no longer", async (name, door) => {
    const view = await start();
    const raw = await appending(door, view);
    const refused = await ask(server, putRequest(view, content, [1, 2]));
    expect([refused.status, refused.json["code"]]).toEqual([409, "append_in_progress"]);
    expect(refused.headers["retry-after"]).toBeDefined();
    // By the clock that bodies tell their last byte by.
    server.clock.advance(2000);
    expect((await ask(server, putRequest(view, content, [1, 2]))).status).toBe(200);
    expect(await raw.until("part_busy")).toContain(ENDED[name]);
    expect((await status(view)).offset).toBeGreaterThanOrEqual(256 * KIB);
    await finish(view);
    raw.socket.destroy();
  });

  it("leaves parts alone that it does not reach, and tells them once it has come to them", async () => {
    const view = await start();
    const { body: _body, ...head } = TUS_DOOR.bring(view.id, 0, content);
    const raw = await openRaw(server);
    const headers = { ...head.headers, "content-length": String(MIB) };
    raw.socket.write(rawHead({ ...head, headers }));
    raw.socket.write(content.subarray(0, BEGUN));
    while ((await status(view)).offset === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await ask(server, putRequest(view, content, [1, 2]))).status).toBe(200);
    raw.socket.write(content.subarray(BEGUN, MIB));
    expect((await raw.until("\r\n\r\n")).toLowerCase()).toContain(`upload-offset: ${2 * MIB}`);
    await finish(view);
    raw.socket.destroy();
  });
});

it("ten appends at once, by either protocol, and looks among them make one file", async () => {
  const view = await start();
  const told: number[] = [];
  for (let round = 0; (await status(view)).state === "open"; round++) {
    const at = (await status(view)).offset;
    const sent = Array.from({ length: 10 }, (_, turn) => (turn % 2 ? TUS_DOOR : IETF)).map((door) =>
      ask(server, door.bring(view.id, at, content.subarray(at, at + 500 * KIB))),
    );
    const looks = BOTH.map(async ([name, door]) => {
      const [code, offset] = await looked(door, view);
      expect(code).toBe(OK[name]);
      told.push(Number(offset));
    });
    const answers: readonly Answer[] = await Promise.all(sent);
    await Promise.all(looks);
    for (const { status } of answers) expect([204, 409, 423]).toContain(status);
    // However they ended each other, what was told is never taken back.
    const after = (await status(view)).offset;
    expect(after).toBeGreaterThanOrEqual(Math.max(...told));
    if (round > 20) await finish(view);
    else if (after === SIZE) await ask(server, TUS_DOOR.look(view.id));
  }
  expect(await fileOf(view)).toEqual(Buffer.from(content));
});

describe("while an upload is being completed", () => {
  /** The last step of publishing waits until it is let go. */
  function held(): {
    readonly metadata: MetadataStore;
    readonly begun: Promise<void>;
    readonly release: () => void;
  } {
    const memory = createMemoryMetadata();
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const apply: MetadataStore["apply"] = async (change) => {
      if (change.kind === "publish") {
        begun.resolve();
        await gate.promise;
      }
      return memory.apply(change);
    };
    return { metadata: { ...memory, apply }, begun: begun.promise, release: gate.resolve };
  }

  it("everybody hears where it is, nobody changes it, and the answer is the same for all", async () => {
    const { metadata, begun, release } = held();
    const view = await start({ metadata });
    expect((await ask(server, putRequest(view, content, [0, 3]))).status).toBe(200);
    const done = askJson(server, "POST", `/v1/uploads/${view.id}/complete`, {});
    await begun;
    expect((await status(view)).state).toBe("completing");
    const size = String(SIZE);
    expect(await looked(IETF, view)).toEqual([204, size]);
    for (const [, door] of BOTH) {
      const late = await ask(server, door.bring(view.id, 5, content.subarray(5)));
      expect([late.status, late.headers["upload-offset"]]).toEqual([409, size]);
    }
    // The same parts once more are no news; others would be.
    expect((await ask(server, putRequest(view, content, [0, 3]))).status).toBe(200);
    const other = Buffer.alloc(SIZE, 1);
    expect((await ask(server, putRequest(view, other, [0, 1]))).status).toBe(409);
    // Who asks for the end by tus waits for it.
    const nothing = content.subarray(SIZE);
    const waiting = [
      ask(server, TUS_DOOR.look(view.id)),
      ask(server, TUS_DOOR.bring(view.id, SIZE, nothing)),
    ];
    release();
    expect((await done).status).toBe(200);
    const url = (await status(view)).file?.url;
    for (const answer of await Promise.all(waiting)) {
      expect(answer.status).toBeLessThan(300);
      expect(answer.headers).toMatchObject({ "upload-offset": size, "content-location": url });
    }
    expect(await fileOf(view)).toEqual(Buffer.from(content));
  });

  it("and after it, too much is refused, and nothing more is the same answer again", async () => {
    const view = await start();
    await finish(view);
    const size = String(SIZE);
    const nothing = content.subarray(SIZE);
    const again = await ask(server, TUS_DOOR.bring(view.id, SIZE, nothing));
    expect([again.status, again.headers["upload-offset"]]).toEqual([204, size]);
    expect((await ask(server, TUS_DOOR.bring(view.id, SIZE, content))).status).toBe(413);
    for (const [, door] of BOTH) {
      const late = await ask(server, door.bring(view.id, 0, content));
      expect([late.status, late.headers["upload-offset"]]).toEqual([409, size]);
    }
    expect((await ask(server, IETF.bring(view.id, SIZE, content))).status).toBe(409);
    expect(await fileOf(view)).toEqual(Buffer.from(content));
  });
});
