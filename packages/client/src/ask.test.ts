import { encodeProblem, HoldfastError } from "@holdfast/protocol";
import { createVirtualClock } from "@holdfast/testkit/clock";
import { describe, expect, it } from "vitest";
import { deleteFile } from "./delete-file.ts";
import { listFiles } from "./list-files.ts";
import type { TransportRequest, TransportResponse } from "./ports.ts";
import { ALONE } from "./share.ts";
import { sweepServer } from "./sweep-server.ts";
import { abortUpload } from "./upload-status.ts";

type Reply = TransportResponse | HoldfastError;

/** Ports to a network that gives these answers one after another, and what was asked of it. */
function network(...replies: readonly Reply[]) {
  const asked: TransportRequest[] = [];
  const clock = createVirtualClock();
  const left = [...replies];
  const transport = {
    mayRepeat: false,
    async request(request: TransportRequest): Promise<TransportResponse> {
      asked.push(request);
      // Whoever waits for the next try waits for this clock.
      setImmediate(() => clock.advance(60_000));
      const reply = left.shift();
      if (!reply) throw new Error("asked too often");
      if (reply instanceof HoldfastError) throw reply;
      return reply;
    },
    close: () => undefined,
  };
  const random = { bytes: (size: number) => new Uint8Array(size) };
  return { asked, ports: { transport, clock, random, share: ALONE } };
}

function reply(status: number, body: unknown = ""): TransportResponse {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    status,
    header: (name) => (name === "holdfast-version" ? "1" : undefined),
    read: async (take) => void (await take(new TextEncoder().encode(text))),
  };
}

function problem(code: "file_not_found" | "upload_ended" | "forbidden"): TransportResponse {
  const document = encodeProblem(new HoldfastError(code));
  return reply(document.status, document);
}

const AWAY = new HoldfastError("connection_failed", "cut");
const SERVER = "http://127.0.0.1:1";
const FILE = {
  id: "aaaqeayeaudaocajbifqydiob4",
  url: "/v1/files/aaaqeayeaudaocajbifqydiob4",
  size: 3,
  root: "ab".repeat(32),
  name: "a.txt",
  type: "text/plain",
  createdAt: 1_700_000_000_000,
};

describe("a list of files", () => {
  it("is asked for again until there is an answer, page by page", async () => {
    const { asked, ports } = network(AWAY, reply(200, { files: [FILE], next: "a b" }));
    const page = await listFiles({ to: `${SERVER}/`, limit: 7, after: "c&d" }, ports);
    expect(page.next).toBe("a b");
    expect(page.files).toMatchObject([{ name: "a.txt", size: 3, createdAt: FILE.createdAt }]);
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${SERVER}/v1/files?limit=7&after=c%26d`,
      `GET ${SERVER}/v1/files?limit=7&after=c%26d`,
    ]);
  });

  it.each([
    ["no JSON", "<html>"],
    ["no list", { files: 1 }],
    ["a file without a name", { files: [{ ...FILE, name: undefined }] }],
    ["a file elsewhere", { files: [{ ...FILE, url: "//evil/x" }] }],
    ["a cursor that is none", { files: [], next: 1 }],
  ])("that is %s is no answer of Holdfast", async (_name, body) => {
    const { ports } = network(reply(200, body));
    await expect(listFiles({ to: SERVER, giveUpMs: 0 }, ports)).rejects.toMatchObject({
      code: "gave_up",
      cause: { code: "not_holdfast" },
    });
  });
});

describe("removing a file", () => {
  const url = `${SERVER}${FILE.url}`;

  it("is done when the server says so", async () => {
    const { asked, ports } = network(reply(204));
    await deleteFile({ url, token: "t" }, ports);
    expect(asked[0]).toMatchObject({
      method: "DELETE",
      url,
      headers: { authorization: "Bearer t" },
    });
  });

  it("is done when it is gone after an answer that was lost", async () => {
    const { ports } = network(AWAY, problem("file_not_found"));
    await expect(deleteFile({ url }, ports)).resolves.toBeUndefined();
  });

  it.each(["file_not_found", "forbidden"] as const)("fails at once with %s", async (code) => {
    const { ports } = network(problem(code));
    await expect(deleteFile({ url }, ports)).rejects.toMatchObject({ code });
  });

  it("sends no token in the clear", async () => {
    const far = { url: "http://example.org/v1/files/x", token: "t" };
    await expect(deleteFile(far, network().ports)).rejects.toMatchObject({
      code: "insecure_transport",
    });
  });
});

describe("a sweep", () => {
  const none = { count: 0, bytes: 0 };
  const report = {
    isDryRun: true,
    ...{ expired: { count: 2, bytes: 7 }, removed: none, erased: none, forgotten: none },
    ...{ left: { count: 3, bytes: 9 }, unrecorded: none },
    failed: 0,
    isWhole: true,
    isHeld: false,
  };

  it.each([
    [true, "?dry-run=1"],
    [false, ""],
  ])("asks for what was meant: a dry run is %s", async (isDryRun, query) => {
    const { asked, ports } = network(reply(200, { ...report, isDryRun }));
    expect(await sweepServer({ to: SERVER, isDryRun }, ports)).toEqual({ ...report, isDryRun });
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `POST ${SERVER}/v1/sweep${query}`,
    ]);
  });

  it("reads no other answer", async () => {
    const { ports } = network(reply(200, { ...report, erased: undefined }));
    await expect(sweepServer({ to: SERVER, giveUpMs: 0 }, ports)).rejects.toMatchObject({
      cause: { code: "not_holdfast" },
    });
  });
});

it("aborting what has ended already is done", async () => {
  const { ports } = network(problem("upload_ended"));
  await expect(abortUpload({ url: `${SERVER}/v1/uploads/x` }, ports)).resolves.toBeUndefined();
});
