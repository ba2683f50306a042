// Downloads from servers that are not Holdfast, honest ones and others: the file comes right, or what is wrong is named and there is no file.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError, MIB } from "@holdfast/protocol";
import { type OddServer, type Said, startOddServer } from "@holdfast/testkit/odd-server";
import { startRelay } from "@holdfast/testkit/relay";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DownloadOptions } from "./download.ts";
import { createClient, download, repair } from "./node/index.ts";

const SIZE = 5 * MIB + 77;

let directory: string;
let server: OddServer;
let bytes: Buffer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-any-"));
  bytes = randomBytes(SIZE);
  server = await startOddServer(bytes);
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

const copy = () => join(directory, "copy");
const sha256Of = (content: Buffer) => createHash("sha256").update(content).digest("hex");
/** No patience: the first trouble that would be tried again ends it. */
const AT_ONCE = { giveUpMs: 1 };

function start(options: Partial<DownloadOptions> = {}, url = server.url) {
  return download(url, copy(), { stateDir: join(directory, "state"), ...options });
}

/** What it ends with, and what the last trouble was where it gave up. */
async function failure(
  options: Partial<DownloadOptions> = {},
  url?: string,
): Promise<{ readonly code: string; readonly text: string }> {
  const error = await start(options, url).done.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(existsSync(copy())).toBe(false);
  if (!(error instanceof HoldfastError)) throw new Error(`it ended with ${error}`);
  return { code: String(error.details["last"] ?? error.code), text: error.message };
}

function isRight(): boolean {
  return readFileSync(copy()).equals(server.content);
}

/** From the second answer on: the first one only says what the file is. */
function later(change: (said: Said, response: ServerResponse) => boolean | undefined) {
  return (said: Said, number: number, response: ServerResponse) =>
    number === 0 ? undefined : change(said, response);
}

describe("a server with ranges and a strong ETag", () => {
  it("gives the file in parts, each pinned to the version", async () => {
    const done = await start({ sha256: sha256Of(bytes) }).done;
    expect(isRight()).toBe(true);
    expect(done).toMatchObject({ size: SIZE, bytesSent: SIZE });
    // What signs an address is a secret.
    expect(done.url).toBe(server.url.replace(/\?.*/, ""));
    expect(server.asked.length).toBeGreaterThan(2);
    for (const headers of server.asked.slice(1)) expect(headers["if-range"]).toBe('"one"');
  });

  it("gets no token, and no name of ours", async () => {
    await start({ token: "secret" }).done;
    for (const headers of server.asked) {
      expect(JSON.stringify(headers)).not.toContain("secret");
      expect(headers["holdfast-client"]).toBeUndefined();
    }
  });

  it.each([
    ["at any address", "/some/file.bin"],
    ["at one like a public file's", "/public/aaaqeayeaudaocajbifqydiob4"],
    ["at that of a signed link", "/v1/files/aaaqeayeaudaocajbifqydiob4?sig=1"],
  ])("gets none either where he calls himself Holdfast %s", async (_name, path) => {
    const seen: (string | undefined)[] = [];
    const liar = await startRelay(({ headers }, response) => {
      seen.push(headers.authorization);
      response.writeHead(200, { "holdfast-version": "1" }).end("{}");
    });
    const token = "secret";
    const { code } = await failure({ token }, liar.url + path);
    const client = createClient({ stateDir: join(directory, "state") });
    const url = liar.url + path;
    const asked = [
      client.describe({ url, token }),
      client.downloadStream(url, async () => expect.unreachable(), { token }).done,
    ];
    expect(await Promise.allSettled(asked)).toMatchObject([
      { reason: { code } },
      { reason: { code } },
    ]);
    client.close();
    await liar.close();
    expect(code).toBe("download_corrupt");
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it("may have an address in any case, and is asked in TLS where that says so", async () => {
    const { done } = start({}, server.url.replace("http", "HTTP"));
    expect((await done).url).toBe(server.url.replace(/\?.*/, ""));
    rmSync(copy());
    const tls = await failure(AT_ONCE, server.url.replace("http", "HTTPS"));
    expect(tls.code).toBe("wrong_address");
  });

  it("keeps a file from its name that has not the SHA-256 that it was to have", async () => {
    expect(await failure({ sha256: "0".repeat(64) })).toMatchObject({
      code: "file_digest_mismatch",
    });
    expect((await failure({ root: "0".repeat(64) })).code).toBe("root_mismatch");
  });

  it("is asked again after an answer that says later, and after one that is cut", async () => {
    server.spoil = (said, number, response) => {
      if (number === 0 || number === 2) {
        said.status = 503;
        said.headers["retry-after"] = "0";
      }
      if (number !== 4) return undefined;
      response.writeHead(said.status, { ...said.headers, "content-length": said.body.length });
      response.write(said.body.subarray(0, 100), () => response.destroy());
      return false;
    };
    await start().done;
    expect(isRight()).toBe(true);
  });

  it("has empty files too", async () => {
    server.content = Buffer.alloc(0);
    await start().done;
    expect(isRight()).toBe(true);
  });

  it.each([
    [404, "file_not_found"],
    [410, "file_not_found"],
    [403, "forbidden"],
    [401, "unauthorized"],
  ])("may refuse the file with %i", async (status, code) => {
    server.spoil = (said) => {
      said.status = status;
      return undefined;
    };
    expect((await failure()).code).toBe(code);
  });
});

describe("a download that is begun again", () => {
  /** Three parts and a half arrive. */
  async function stopped(): Promise<void> {
    let left = 3.5 * MIB;
    server.spoil = later((said, response) => {
      const body = said.body.subarray(0, left);
      left -= body.length;
      response.writeHead(left > 0 || body.length > 0 ? said.status : 404, {
        ...said.headers,
        "content-length": said.body.length,
      });
      if (body.length === said.body.length) response.end(body);
      else response.write(body, () => response.destroy());
      return false;
    });
    await expect(start({ inFlight: 1 }).done).rejects.toMatchObject({ code: "file_not_found" });
    server.spoil = () => undefined;
    server.asked = [];
  }

  it("goes on where it was, and takes what the journal has the digests of", async () => {
    await stopped();
    const names = readdirSync(directory).filter((name) => name.startsWith(".copy"));
    expect(names.map((name) => name.replace(/.*\./, "")).sort()).toEqual(["journal", "part"]);
    const again = start();
    const { resumedBytes } = await again.done;
    expect(resumedBytes).toBe(3 * MIB);
    expect(isRight()).toBe(true);
  });

  it("finds a bit that was flipped meanwhile", async () => {
    await stopped();
    const [part = ""] = readdirSync(directory).filter((name) => name.endsWith(".part"));
    const there = readFileSync(join(directory, part));
    there[MIB + 5] = (there[MIB + 5] ?? 0) ^ 4;
    writeFileSync(join(directory, part), there);
    const again = start();
    const notices: string[] = [];
    again.on("notice", ({ detail }) => notices.push(detail));
    await again.done;
    expect(notices).toEqual([expect.stringContaining("part 1 was changed")]);
    expect(isRight()).toBe(true);
  });

  it("is told of by its checkpoint, and goes on with that version only", async () => {
    await stopped();
    const client = createClient({ stateDir: join(directory, "state") });
    const [one] = await client.unfinished();
    client.close();
    if (one?.kind !== "download") throw new Error("nothing is unfinished");
    expect(one).toMatchObject({ url: server.url, size: SIZE });
    server.etag = '"two"';
    expect((await failure({ root: one.root })).code).toBe("root_mismatch");
    server.etag = '"one"';
    expect((await start({ root: one.root }).done).resumedBytes).toBe(3 * MIB);
    expect(isRight()).toBe(true);
  });

  it.each([
    ["goes on where it is signed anew", "key=1&X-Amz-Signature=2&Expires=9", 3 * MIB],
    ["takes nothing of another file of the same size and ETag", "key=2", 0],
  ])("%s", async (_name, query, resumedBytes) => {
    await stopped();
    if (resumedBytes === 0) server.content = randomBytes(SIZE);
    const again = start({}, server.url.replace("key=1", query));
    expect((await again.done).resumedBytes).toBe(resumedBytes);
    expect(isRight()).toBe(true);
  });

  it("says how to begin anew where what came has not the SHA-256 that it is to have", async () => {
    server.spoil = (said, number) => {
      if (number === 2) said.body = Buffer.from(said.body.map((byte) => byte ^ 1));
      return undefined;
    };
    const wanted = { sha256: sha256Of(bytes) };
    const hint = expect.stringContaining("--no-resume");
    for (let run = 0; run < 2; run++) {
      await expect(start(wanted).done).rejects.toMatchObject({
        code: "file_digest_mismatch",
        details: { hint },
      });
      server.spoil = () => undefined;
    }
    await start({ ...wanted, resume: false }).done;
    expect(isRight()).toBe(true);
  });

  it("takes nothing of another version", async () => {
    await stopped();
    server.content = randomBytes(SIZE);
    server.etag = '"two"';
    const again = start();
    expect((await again.done).resumedBytes).toBe(0);
    expect(isRight()).toBe(true);
  });
});

describe("a file that changes while it is fetched", () => {
  function change(): void {
    server.content = randomBytes(SIZE);
    server.etag = '"two"';
  }

  it("is refused, never mixed, where the server keeps to If-Range", async () => {
    server.spoil = (_said, number) => {
      if (number === 2) change();
      return undefined;
    };
    expect((await failure({ inFlight: 1 })).code).toBe("precondition_failed");
  });

  it("and where it sends ranges of the new one all the same", async () => {
    server.spoil = (said, number) => {
      if (number > 1) said.headers["etag"] = '"two"';
      return undefined;
    };
    expect((await failure({ inFlight: 1 })).code).toBe("precondition_failed");
  });

  it("is not spliced where nothing tells one version from the next, and the connection is cut", async () => {
    server.spoil = (said, number, response) => {
      delete said.headers["etag"];
      if (number !== 1) return undefined;
      response.writeHead(said.status, { ...said.headers, "content-length": said.body.length });
      response.write(said.body.subarray(0, 3 * MIB), () => response.destroy());
      change();
      return false;
    };
    await start().done;
    expect(isRight()).toBe(true);
  });

  it("may give less at a time than is asked for", async () => {
    server.spoil = later((said) => {
      const [, from = "", last = ""] =
        /([0-9]+)-([0-9]+)/.exec(said.headers["content-range"] ?? "") ?? [];
      const end = Math.min(Number(last) + 1, Number(from) + 300_000);
      said.headers["content-range"] = `bytes ${from}-${end - 1}/${SIZE}`;
      said.body = said.body.subarray(0, end - Number(from));
      return undefined;
    });
    await start(AT_ONCE).done;
    expect(isRight()).toBe(true);
  });

  it("is not believed to be the same without an ETag", async () => {
    server.spoil = later((said) => {
      delete said.headers["etag"];
      return undefined;
    });
    expect((await failure(AT_ONCE)).code).toBe("wrong_answer");
  });
});

describe("a server that can only send the file whole", () => {
  const wholeOnly = (said: Said) => {
    said.status = 200;
    said.body = server.content;
    delete said.headers["content-range"];
    return undefined;
  };
  const weak = (said: Said) => {
    said.headers["etag"] = 'W/"one"';
    return undefined;
  };
  const untagged = (said: Said) => {
    delete said.headers["etag"];
    return undefined;
  };

  it.each([
    ["without ranges", wholeOnly],
    ["with a weak ETag", weak],
    ["without an ETag", untagged],
  ])("%s does so in one answer where the file is small", async (_name, spoil) => {
    server.spoil = spoil;
    await start().done;
    expect(isRight()).toBe(true);
    expect(server.asked).toHaveLength(2);
  });

  it.each([
    ["without ranges", wholeOnly, "whole or not at all"],
    ["with a weak ETag", weak, "only a weak ETag"],
    ["without an ETag", untagged, "no ETag"],
  ])("%s is refused where the file is large", async (_name, spoil, why) => {
    server.content = Buffer.alloc(17 * MIB);
    server.spoil = spoil;
    const { code, text } = await failure();
    expect({ code, text }).toEqual({ code: "not_resumable", text: expect.stringContaining(why) });
  });

  it("and where it does not say how long the file is", async () => {
    server.spoil = (said, _number, response) => {
      response.writeHead(200, { etag: '"one"' });
      response.end(said.body);
      return false;
    };
    expect((await failure()).code).toBe("not_resumable");
  });

  it("is not believed where the answer does not say any more how long it is", async () => {
    server.spoil = (said, number, response) => {
      wholeOnly(said);
      if (number === 0) return undefined;
      response.writeHead(200).end(Buffer.concat([said.body, said.body]));
      return false;
    };
    expect((await failure(AT_ONCE)).code).toBe("wrong_answer");
  });

  it("is caught where the file has another length by the time", async () => {
    server.spoil = (said, number) => {
      wholeOnly(said);
      if (number > 0) said.body = Buffer.alloc(SIZE + 1);
      return undefined;
    };
    expect((await failure()).code).toBe("precondition_failed");
  });
});

describe("a server that lies", () => {
  it.each<[string, (said: Said) => void, string]>([
    [
      "about where its bytes begin",
      (said) => {
        said.headers["content-range"] = `bytes 1-2/${SIZE}`;
      },
      "wrong_answer",
    ],
    [
      "about the size of the file",
      (said) => {
        said.headers["content-range"] = (said.headers["content-range"] ?? "").replace(/\d+$/, "9");
      },
      "wrong_answer",
    ],
    [
      "about which bytes they are at all",
      (said) => {
        delete said.headers["content-range"];
      },
      "wrong_answer",
    ],
    [
      "and sends less than it says",
      (said) => {
        said.body = said.body.subarray(0, 100);
      },
      "wrong_answer",
    ],
    [
      "and sends more than it says",
      (said) => {
        said.body = Buffer.concat([said.body, Buffer.alloc(9)]);
      },
      "wrong_answer",
    ],
    [
      "and sends the whole for a range",
      (said) => {
        said.status = 200;
        said.body = server.content;
      },
      "wrong_answer",
    ],
    [
      "and encodes what it sends",
      (said) => {
        said.headers["content-encoding"] = "gzip";
      },
      "wrong_answer",
    ],
    [
      "and says that there is nothing",
      (said) => {
        said.status = 416;
        said.body = Buffer.alloc(0);
        said.headers["content-range"] = `bytes */${SIZE}`;
      },
      "wrong_answer",
    ],
    [
      "as a captive portal does",
      (said) => {
        said.status = 200;
        said.headers = { "content-type": "text/html" };
        said.body = Buffer.from("<html>Log in</html>");
      },
      "wrong_answer",
    ],
  ])("%s is named, and tried again for as long as there is patience", async (_name, lie, code) => {
    let lies = true;
    server.spoil = later((said) => {
      if (lies) lie(said);
      return undefined;
    });
    expect((await failure({ ...AT_ONCE, inFlight: 1 })).code).toBe(code);
    server.asked = [];
    const patient = start({ inFlight: 1 });
    patient.on("retry", () => {
      lies = false;
    });
    await patient.done;
    expect(isRight()).toBe(true);
  });

  it("from the first answer on gets nothing believed", async () => {
    server.spoil = (said) => {
      said.headers["content-range"] = `bytes 5-5/${SIZE}`;
      return undefined;
    };
    expect((await failure(AT_ONCE)).code).toBe("wrong_answer");
    server.spoil = (said) => {
      said.headers["content-encoding"] = "gzip";
      return undefined;
    };
    expect((await failure()).code).toBe("not_resumable");
  });
});

describe("a server that leads on", () => {
  async function leading(location: (from: string) => string, status = 302) {
    const seen: (string | undefined)[] = [];
    const relay = await startRelay((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(status, { location: location(request.url ?? "") });
      response.end("over there");
    });
    return { ...relay, seen };
  }

  it.each([301, 302, 303, 307, 308])(
    "is followed (%i), and nobody gets a token",
    async (status) => {
      const first = await leading(() => server.url, status);
      await start({ token: "secret" }, `${first.url}/begin`).done;
      expect(isRight()).toBe(true);
      expect(first.seen.every((token) => token === undefined)).toBe(true);
      expect(server.asked.every(({ authorization }) => authorization === undefined)).toBe(true);
      await first.close();
    },
  );

  it("is followed at once, however much he says besides", async () => {
    let ended = 0;
    const long = await startRelay((_request, response) => {
      response.writeHead(302, { location: server.url });
      let left = 256;
      const more = () => {
        if (response.destroyed) return;
        response.write(Buffer.alloc(65_536));
        if (left-- > 0) setTimeout(more, 2);
        else response.end(() => ended++);
      };
      more();
    });
    await start({}, `${long.url}/begin`).done;
    expect(isRight()).toBe(true);
    expect(ended).toBe(0);
    await long.close();
  });

  it.each([
    ["in a circle", () => "/again"],
    ["nowhere", () => "http://"],
    ["to what is no web", () => "ftp://127.0.0.1/file"],
    ["to a password", () => server.url.replace("http://", "http://a:b@")],
  ])("%s is named", async (_name, location) => {
    const first = await leading(location);
    const { code, text } = await failure({}, `${first.url}/begin`);
    expect(code).toBe("wrong_address");
    expect(text).not.toContain("a:b");
    await first.close();
  });
});

describe("what is there already", () => {
  it("is taken for the file only where its SHA-256 says so", async () => {
    writeFileSync(copy(), bytes);
    await expect(start().done).rejects.toMatchObject({
      code: "sink_exists",
      message: expect.stringContaining("--sha256"),
    });
    const done = await start({ sha256: sha256Of(bytes) }).done;
    expect(done).toMatchObject({ bytesSent: 0, size: SIZE });
    writeFileSync(copy(), randomBytes(SIZE));
    const other = start({ sha256: sha256Of(bytes) });
    await expect(other.done).rejects.toMatchObject({ code: "sink_exists" });
    await start({ sha256: sha256Of(bytes), replace: true }).done;
    expect(isRight()).toBe(true);
  });

  it("cannot be repaired, compared or passed on: nothing says what its parts have to be", async () => {
    writeFileSync(copy(), bytes);
    const stateDir = join(directory, "state");
    const refused = { code: "usage", details: { hint: expect.stringContaining("--sha256") } };
    await expect(repair(server.url, copy(), { stateDir }).done).rejects.toMatchObject(refused);
    const client = createClient({ stateDir });
    await expect(client.describe({ url: server.url })).rejects.toMatchObject(refused);
    const { done } = client.downloadStream(server.url, async () => expect.unreachable());
    await expect(done).rejects.toMatchObject(refused);
    client.close();
  });
});

describe("its name", () => {
  it.each([
    [{}, "file.bin"],
    [{ "content-disposition": `attachment; filename*=UTF-8''%e2%82%ac.txt` }, "€.txt"],
    [{ "content-disposition": `attachment; filename="../../etc/passwd"` }, "file.bin"],
    [{ "content-disposition": "attachment" }, "file.bin"],
  ])("with %o is %s", async (headers, name) => {
    server.spoil = (said) => {
      Object.assign(said.headers, headers);
      return undefined;
    };
    const client = createClient({ stateDir: join(directory, "state") });
    expect(await client.describeAny({ url: server.url })).toMatchObject({
      kind: "any",
      file: { name },
    });
    client.close();
  });
});
