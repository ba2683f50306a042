// The doctor before real servers and real proxies: what it finds, and that what it advises cures.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, type RequestListener, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { freePort } from "@holdfast/testkit/free-port";
import { killServer, type ServerProcess, startServer } from "@holdfast/testkit/process";
import { startRelay } from "@holdfast/testkit/relay";
import { type Nginx, startNginx } from "@holdfast/testkit/services/nginx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run, type Said } from "./kit/cli.ts";

const TOKEN = "a-token-of-the-tests";
const ORIGIN = "https://page.example";

let home: string;
let server: ServerProcess;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-doctor-"));
  const env = { HOLDFAST_TOKEN: TOKEN, HOLDFAST_SERVE_ORIGINS: ORIGIN };
  server = await startServer({ data: join(home, "data"), port: 0, env });
});
afterAll(async () => {
  for (const close of closing) await close();
  await killServer(server);
  await rm(home, { recursive: true });
});

function examine(url: string, more: readonly string[] = [], token = TOKEN): Promise<Said> {
  return run(home, ["doctor", url, "--json", ...more], { env: { HOLDFAST_TOKEN: token } });
}

/** Level of each check, the worst where there are several of a name. */
function levels({ events }: Said): Readonly<Record<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const { name, fields } of events) {
    const check = String(fields.get("check"));
    if (name === "check" && found.get(check) !== "warn") found.set(check, fields.get("level"));
  }
  return Object.fromEntries(found);
}

function fixOf({ events }: Said, check: string): string {
  const bad = events.filter(
    ({ fields }) => fields.get("check") === check && fields.get("fix") !== undefined,
  );
  return JSON.stringify(bad.map(({ fields }) => fields.get("fix")));
}

const ALL_WELL = {
  dns: "ok",
  tcp: "ok",
  tls: "ok",
  holdfast: "ok",
  http: "ok",
  clock: "ok",
  latency: "ok",
  ready: "ok",
  cors: "ok",
  auth: "ok",
  upload: "ok",
  "request-buffering": "ok",
  "answer-buffering": "ok",
  interim: "ok",
  ranges: "ok",
  direct: "ok",
  body: "ok",
  resumption: "ok",
};

/** A proxy of our own that does something wrong. */
async function behind(listener: RequestListener): Promise<string> {
  const proxy = await startRelay(listener);
  closing.push(() => proxy.close());
  return proxy.url;
}

function pass(asked: IncomingMessage, use: (came: IncomingMessage) => void): void {
  const { method = "GET", url = "/", headers } = asked;
  const onward = request(new URL(url, server.url), { method, headers }, use);
  asked.pipe(onward);
}

describe("a server", () => {
  it("without anything wrong passes every check, and nothing of the examination stays", async () => {
    const said = await examine(server.url, ["--origin", ORIGIN]);
    expect(levels(said)).toEqual(ALL_WELL);
    expect(said.code).toBe(0);
    const left = await run(home, ["ls", "--to", server.url, "--json"], {
      env: { HOLDFAST_TOKEN: TOKEN },
    });
    expect([left.code, left.events]).toEqual([0, []]);
    const text = await run(home, ["doctor", "--to", server.url, "--max-body", "1M"], {
      env: { HOLDFAST_TOKEN: TOKEN },
    });
    expect(text.stdout).toMatch(/^ok {4}body +a request of 1 MiB passes, at .*\/s$/m);
    expect(text.stdout).toMatch(/^skip {2}cors /m);
  });

  it.each([
    ["without a token", "", 77, "auth", "HOLDFAST_TOKEN"],
    ["with a wrong token", "another", 77, "auth", "holdfast token list"],
  ])("%s lets nobody in, and says what to do", async (_name, token, exit, check, advice) => {
    const said = await examine(server.url, [], token);
    expect(said.code).toBe(exit);
    expect(levels(said)[check]).toBe("fail");
    expect(fixOf(said, check)).toContain(advice);
    expect(JSON.stringify(said.events)).not.toContain("another");
  });

  it("keeps pages out that it does not know", async () => {
    const said = await examine(server.url, [
      "--origin",
      "https://other.example",
      "--max-body",
      "0",
    ]);
    expect(said.code).toBe(1);
    expect(fixOf(said, "cors")).toContain("--origins https://other.example");
  });

  it("that is not there is told from a name that is not there", async () => {
    const away = await examine(`http://127.0.0.1:${await freePort()}`);
    expect([away.code, levels(away)]).toEqual([5, { dns: "ok", tcp: "fail" }]);
    expect(fixOf(away, "tcp")).toContain("holdfast serve");
    const unknown = await examine("http://nowhere.invalid");
    expect([unknown.code, levels(unknown)]).toEqual([5, { dns: "fail" }]);
  });

  it.each([
    ["a name and a password in it", "http://me:hunter2@127.0.0.1"],
    ["another scheme", "ftp://127.0.0.1"],
  ])("has no address with %s", async (_name, url) => {
    const said = await run(home, ["doctor", url]);
    expect(said.code).toBe(2);
    expect(said.stdout + said.stderr).not.toContain("hunter2");
  });
});

describe("TLS", () => {
  it("with a certificate that nobody vouches for fails, and passes with its authority", async () => {
    const [cert, key] = [join(home, "cert.pem"), join(home, "key.pem")];
    const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    const more = ["-nodes", "-days", "5", "-subj", "/CN=localhost", "-keyout", key, "-out", cert];
    const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    await promisify(execFile)("openssl", [...words, ...more, ...names]);
    const env = { HOLDFAST_SERVE_TLS_CERT: cert, HOLDFAST_SERVE_TLS_KEY: key };
    const secure = await startServer({ data: join(home, "secure"), port: 0, env });
    closing.push(() => killServer(secure));
    const strange = await examine(secure.url, [], "");
    expect([strange.code, levels(strange)["tls"]]).toEqual([1, "fail"]);
    expect(fixOf(strange, "tls")).toContain("NODE_EXTRA_CA_CERTS");
    const known = await run(home, ["doctor", secure.url, "--json", "--max-body", "1M"], {
      env: { NODE_EXTRA_CA_CERTS: cert },
    });
    expect(known.code).toBe(0);
    expect(levels(known)).toMatchObject({ ...ALL_WELL, cors: "skip", certificate: "warn" });
    // Spoken to in the clear, it does not answer.
    const plain = await examine(secure.url.replace("https", "http"), [], "");
    expect(plain.code).toBe(1);
  });

  it("that is not spoken is said so", async () => {
    const said = await examine(server.url.replace("http:", "https:"));
    expect([said.code, levels(said)["tls"]]).toEqual([1, "fail"]);
  });
});

/** An nginx in front of the server, with these lines in its configuration. */
async function started(lines: string): Promise<Nginx> {
  const nginx = await startNginx([new URL(server.url).host], lines);
  closing.push(() => nginx.stop());
  return nginx;
}

describe("nginx", () => {
  it("as it is installed keeps bodies back and limits them; the lines that are advised cure that", async () => {
    const said = await examine((await started("")).url);
    expect(levels(said)).toMatchObject({ "request-buffering": "warn", body: "warn" });
    expect(said.code).toBe(0);
    const advice = [fixOf(said, "request-buffering"), fixOf(said, "body")].join(" ");
    const mark = "proxy_set_header X-Forwarded-For $remote_addr;";
    const cure = `proxy_request_buffering off; proxy_http_version 1.1; client_max_body_size 0; ${mark}`;
    for (const line of cure.split("; ")) expect(advice).toContain(line.replace(";", ""));
    const cured = await examine((await started(`${cure} proxy_buffering off;`)).url);
    expect(levels(cured)).toMatchObject({ ...ALL_WELL, cors: "skip", resumption: "skip" });
  });
});

// From here on side by side: what each of these waits for does not come, however long.
describe.concurrent("something in between", () => {
  it("that is no Holdfast is recognised", async () => {
    const stranger = await behind((_asked, answer) => answer.writeHead(200).end("hello"));
    const said = await examine(stranger);
    expect([said.code, levels(said)["holdfast"]]).toEqual([1, "fail"]);
    const elsewhere = await behind((_asked, answer) =>
      answer.writeHead(301, { location: "https://elsewhere.example/" }).end(),
    );
    expect(fixOf(await examine(elsewhere), "holdfast")).toContain("https://elsewhere.example/");
  });

  it("that has another time, and ends every connection, is noticed", async () => {
    const late = await behind((asked, answer) =>
      pass(asked, (came) => {
        const date = new Date(Date.now() - 300_000).toUTCString();
        answer.writeHead(came.statusCode ?? 500, { ...came.headers, date, connection: "close" });
        came.pipe(answer);
      }),
    );
    const said = await examine(late, ["--max-body", "0"]);
    expect(levels(said)).toMatchObject({ clock: "warn", connections: "warn" });
    expect(JSON.stringify(said.events.map(({ fields }) => [...fields]))).toContain("300 s behind");
  });

  it("that compresses is a failure", async () => {
    const small = await behind((asked, answer) =>
      pass(asked, async (came) => {
        const pieces = await came.toArray();
        const { "content-length": _length, ...headers } = came.headers;
        const isRange = came.statusCode === 206;
        const encoding = isRange ? { "content-encoding": "gzip" } : {};
        answer.writeHead(came.statusCode ?? 500, { ...headers, ...encoding });
        answer.end(isRange ? gzipSync(Buffer.concat(pieces)) : Buffer.concat(pieces));
      }),
    );
    const said = await examine(small, ["--max-body", "0"]);
    expect([said.code, levels(said)["ranges"]]).toEqual([1, "fail"]);
    expect(fixOf(said, "ranges")).toContain("gzip off;");
  });

  it("that keeps bodies and answers back, and limits them, is noticed", async () => {
    const slow = await behind(async (asked, answer) => {
      const body = Buffer.concat(await asked.toArray());
      if (body.length > 2 * 1024 * 1024) return answer.writeHead(413).end();
      const { method = "GET", url = "/", headers } = asked;
      const { expect: _expect, ...rest } = headers;
      const onward = request(new URL(url, server.url), { method, headers: rest }, async (came) => {
        // The doctor ends what does not come; so does the server then.
        const whole = Buffer.concat(await came.toArray().catch(() => []));
        answer.writeHead(came.statusCode ?? 500, came.headers).end(whole);
      });
      return onward.end(body);
    });
    const said = await examine(slow);
    expect(said.code).toBe(0);
    expect(levels(said)).toMatchObject({
      "request-buffering": "warn",
      "answer-buffering": "warn",
      body: "warn",
    });
    expect(fixOf(said, "body")).toContain("client_max_body_size 0;");
  });
});

describe.concurrent("an nginx", () => {
  it("that leaves no mark and speaks HTTP/1.1 loses answers behind a 104; the mark cures that", async () => {
    const lines = "proxy_request_buffering off; proxy_http_version 1.1; client_max_body_size 0;";
    const kept = 'proxy_set_header Connection "";';
    const said = await examine((await started(`${lines} ${kept}`)).url, ["--max-body", "1M"]);
    expect([said.code, levels(said)["resumption"]]).toEqual([1, "fail"]);
    expect(fixOf(said, "resumption")).toContain("proxy_set_header X-Forwarded-For $remote_addr;");
    expect(fixOf(said, "resumption")).toContain("--interim never");
  });

  it("that lets no body of 1 MiB pass is a failure", async () => {
    const said = await examine((await started("client_max_body_size 900k;")).url);
    expect([said.code, levels(said)["body"]]).toEqual([1, "fail"]);
  });
});
