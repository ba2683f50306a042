// Reads that are verified: a part that is damaged in the store never leaves it, and what is right does.
import { decodeFile, decodeUpload, type FileView, HoldfastError, KIB } from "@holdfast/protocol";
import { createMemoryStorage } from "@holdfast/testkit/storage/memory";
import { createMemoryParts } from "@holdfast/testkit/storage/parts";
import { afterEach, describe, expect, it } from "vitest";
import {
  ask,
  askJson,
  openRaw,
  putRequest,
  rawHead,
  startTestServer,
  type TestServer,
} from "../server.fixture.ts";

/** Of files that come in one request. */
const PART = 1024 * KIB;
const CONTENT = Buffer.alloc(2 * PART + 500);
for (let at = 0; at + 4 <= CONTENT.length; at += 4) CONTENT.writeUInt32LE(at * 11, at);

let server: TestServer | undefined;
afterEach(() => server?.close());

/** A server whose storage gives out another byte at each of `flips`, and counts what is read of files. */
async function startOver(flips: number[], reads?: "verified") {
  const memory = createMemoryStorage();
  let bytesRead = 0;
  const read: typeof memory.read = async (object, offset, into, ...rest) => {
    const size = await memory.read(object, offset, into, ...rest);
    if (object.kind !== "bytes") return size;
    bytesRead += size;
    for (const at of flips.filter((flip) => flip >= offset && flip < offset + size)) {
      into[at - offset] = 255 - (into[at - offset] ?? 0);
    }
    return size;
  };
  server = await startTestServer({ parts: { storage: { ...memory, read }, reads } });
  const file = await bring(server);
  return {
    server,
    file,
    get: (range?: string, method = "GET", more = {}) =>
      ask(started(), {
        ...{ method, path: file.url },
        headers: { ...(range ? { range } : {}), ...more },
      }),
    readSince() {
      const since = bytesRead;
      bytesRead = 0;
      return since;
    },
  };
}

function started(): TestServer {
  if (!server) throw new Error("no server");
  return server;
}

async function bring(to: TestServer): Promise<FileView> {
  const headers = { "content-disposition": "attachment; filename=a" };
  const answer = await ask(to, { method: "POST", path: "/v1/files", headers, body: CONTENT });
  expect(answer.status).toBe(201);
  return decodeFile(answer.json);
}

describe("a part that is damaged in the store", () => {
  it("is refused before anything is answered where a download begins with it", async () => {
    const { server, file, get } = await startOver([PART + 7], "verified");
    for (const range of [`bytes=${PART}-${PART + 3}`, `bytes=${2 * PART - 1}-`]) {
      const answer = await get(range);
      expect(answer.status).toBe(500);
      const id = file.id;
      expect(answer.json).toMatchObject({ code: "part_damaged", index: 1, file: id });
    }
    expect(server.logged).toContainEqual(
      expect.objectContaining({
        level: "error",
        event: "part.bad",
        fields: expect.objectContaining({ index: 1 }),
      }),
    );
  });

  it("never leaves: a download that comes to it is cut off before its first byte", async () => {
    const { server, file } = await startOver([PART + 7], "verified");
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: file.url }));
    const { text } = await raw.ended();
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    expect(body.length).toBeLessThanOrEqual(PART);
    expect(CONTENT.subarray(0, body.length).toString("latin1")).toBe(body);
  });

  it("is cut off in an answer of several ranges, too", async () => {
    const { server, file } = await startOver([PART + 7], "verified");
    const raw = await openRaw(server);
    const range = `bytes=0-9,${PART}-${PART + 9}`;
    raw.socket.write(rawHead({ path: file.url, headers: { range } }));
    const { text } = await raw.ended();
    expect(text).toMatch(/^HTTP\/1\.1 206 /);
    // How much of what came before is still sent is the host's to say.
    const size = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    expect(text.length - text.indexOf("\r\n\r\n") - 4).toBeLessThan(size);
    expect(text).not.toContain(CONTENT.subarray(PART, PART + 10).toString("latin1"));
  });

  it("never leaves by the address of the upload that the file was, either", async () => {
    const { server } = await startOver([PART + 7], "verified");
    const body = { name: "a", size: CONTENT.length, partSize: PART };
    const upload = decodeUpload((await askJson(server, "POST", "/v1/uploads", body)).json);
    await ask(server, putRequest(upload, CONTENT, [0, 3]));
    const path = `/v1/uploads/${upload.id}`;
    expect((await ask(server, { method: "POST", path: `${path}/complete` })).status).toBe(200);
    const raw = await openRaw(server);
    raw.socket.write(rawHead({ path: `${path}/content` }));
    const { text } = await raw.ended();
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text.length - text.indexOf("\r\n\r\n") - 4).toBeLessThanOrEqual(PART);
  });

  it("keeps nobody from the others", async () => {
    const { get } = await startOver([PART + 7], "verified");
    for (const [start, end] of [
      [0, PART],
      [2 * PART, CONTENT.length],
    ] as const) {
      const answer = await get(`bytes=${start}-${end - 1}`);
      expect(answer.status).toBe(206);
      expect(answer.bytes.equals(CONTENT.subarray(start, end))).toBe(true);
    }
    expect((await get(undefined, "HEAD")).status).toBe(200);
  });

  it("goes out as it is where reads are not verified: the client has the digests", async () => {
    const { get } = await startOver([PART + 7]);
    const answer = await get();
    expect([answer.status, answer.bytes.length]).toEqual([200, CONTENT.length]);
    expect(answer.bytes.equals(CONTENT)).toBe(false);
  });
});

describe("a reader that asks for it", () => {
  const VERIFY = { "holdfast-verify": "?1" };
  const SECOND = `bytes=${PART}-${PART + 3}`;

  it("gets parts that were checked, and is told which one is bad", async () => {
    const { server, file, get } = await startOver([PART + 7]);
    expect((await get("bytes=0-9", "GET", VERIFY)).status).toBe(206);
    const answer = await get(SECOND, "GET", VERIFY);
    expect([answer.status, answer.headers["cache-control"]]).toEqual([500, "no-store"]);
    expect(answer.json).toMatchObject({ code: "part_damaged", index: 1, file: file.id });
    expect(server.logged.filter(({ event }) => event === "part.bad")).toHaveLength(1);
    expect((await server.engine.health()).damaged).toBe(1);
    expect((await get(undefined, "HEAD", VERIFY)).status).toBe(200);
  });

  it("spares the next one, who does not ask: what was found damaged is refused from then on", async () => {
    const { get } = await startOver([PART + 7]);
    expect((await get(SECOND)).status).toBe(206);
    await get(SECOND, "GET", VERIFY);
    expect((await get(SECOND)).json["code"]).toBe("part_damaged");
    // Of a part that is right nobody is kept.
    expect((await get("bytes=0-9")).status).toBe(206);
  });

  it("has a bad part looked at once a second, not for each who asks", async () => {
    const { server, get, readSince } = await startOver([PART + 7], "verified");
    expect((await get(SECOND)).status).toBe(500);
    expect(readSince()).toBeGreaterThan(0);
    for (let asked = 0; asked < 3; asked++) expect((await get(SECOND)).status).toBe(500);
    expect(readSince()).toBe(0);
    server.clock.advance(1_001);
    expect((await get(SECOND)).status).toBe(500);
    expect(readSince()).toBeGreaterThan(0);
  });

  it("is believed no longer once the bytes are right again", async () => {
    const flips = [PART + 7];
    const { server, get } = await startOver(flips);
    await get(SECOND, "GET", VERIFY);
    flips.pop();
    server.clock.advance(1_001);
    expect((await get(SECOND)).status).toBe(206);
    expect((await server.engine.health()).damaged).toBe(0);
  });
});

describe("a part that cannot be read just now", () => {
  const VERIFY = { "holdfast-verify": "?1" };

  it.each(["a disk", "a store of objects"])(
    "is no damaged one, and noted nowhere: %s",
    async (on) => {
      let isFailing = false;
      const fail = () => {
        if (isFailing) throw new HoldfastError("storage_failed", "it does not answer");
      };
      const disk = createMemoryStorage();
      const store = createMemoryParts();
      const storage =
        on === "a disk"
          ? {
              ...disk,
              read: async (...args: Parameters<typeof disk.read>) => {
                if (args[0].kind === "bytes") fail();
                return disk.read(...args);
              },
            }
          : {
              ...store,
              objects: {
                ...store.objects,
                async *read(...args: Parameters<typeof store.objects.read>) {
                  if (args[0].kind === "bytes") fail();
                  yield* store.objects.read(...args);
                },
              },
            };
      server = await startTestServer({ parts: { storage } });
      const file = await bring(server);
      isFailing = true;
      const answer = await ask(server, { path: file.url, headers: VERIFY });
      expect([answer.status, answer.json["code"]]).toEqual([503, "storage_failed"]);
      expect((await server.engine.health()).damaged).toBe(0);
      isFailing = false;
      const again = await ask(server, { path: file.url, headers: VERIFY });
      expect([again.status, again.bytes.equals(CONTENT)]).toEqual([200, true]);
    },
  );
});

describe("a part that is damaged in a store of objects", () => {
  it("is refused by name and noted; where it was the reading it is found right by the next such file", async () => {
    const memory = createMemoryParts();
    let isBad = true;
    const { objects } = memory;
    const storage: typeof memory = {
      ...memory,
      objects: {
        ...objects,
        async *read(object, range) {
          for await (const piece of objects.read(object, range)) {
            if (object.kind === "bytes" && isBad) piece[0] = 255 - (piece[0] ?? 0);
            yield piece;
          }
        },
      },
    };
    server = await startTestServer({ parts: { storage } });
    const file = await bring(server);
    const headers = { "holdfast-verify": "?1" };
    const answer = await ask(server, { path: file.url, headers });
    expect(answer.json).toMatchObject({ code: "part_damaged", index: 0, file: file.id });
    isBad = false;
    const again = await bring(server);
    expect(again.id).not.toBe(file.id);
    const { engine } = server;
    await expect.poll(async () => (await engine.health()).damaged).toBe(0);
    expect((await ask(server, { path: again.url, headers })).bytes.equals(CONTENT)).toBe(true);
  });
});

describe("what is as it was committed", () => {
  it("comes whole, from anywhere to anywhere", async () => {
    const { get } = await startOver([], "verified");
    expect((await get()).bytes.equals(CONTENT)).toBe(true);
    for (const [start, end] of [
      [PART - 1, PART + 1],
      [5, 2 * PART + 5],
      [CONTENT.length - 1, CONTENT.length],
    ] as const) {
      const answer = await get(`bytes=${start}-${end - 1}`);
      expect(answer.bytes.equals(CONTENT.subarray(start, end))).toBe(true);
    }
  });

  it("is not hashed again for every small piece of it, and is after a while", async () => {
    const { server, get, readSince } = await startOver([], "verified");
    await get("bytes=0-9");
    expect(readSince()).toBe(PART + 10);
    for (let round = 0; round < 5; round++) await get("bytes=0-9");
    expect(readSince()).toBe(50);
    server.clock.advance(10_000);
    await get("bytes=0-9");
    expect(readSince()).toBe(PART + 10);
  });

  it("is hashed once for many who ask for it at once, also when its time is over", async () => {
    const { server, get, readSince } = await startOver([], "verified");
    const many = () => Promise.all(Array.from({ length: 20 }, () => get("bytes=0-9")));
    for (let round = 0; round < 2; round++) {
      for (const answer of await many()) expect(answer.status).toBe(206);
      expect(readSince()).toBe(PART + 200);
      server.clock.advance(10_000);
    }
  });
});
