// Interim responses and nginx: what keeps them from it, and what it would make of them.
import { connect } from "node:net";
import { join } from "node:path";
import { type ServerProcess, startServer, stopServer } from "@holdfast/testkit/process";
import { type Nginx, startNginx } from "@holdfast/testkit/services/nginx";
import { afterEach, expect, it } from "vitest";
import { withScratch } from "../kit/scratch.ts";

const ONE_CONNECTION = `proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_request_buffering off; proxy_buffering off; client_max_body_size 0;`;
const MARKED = `${ONE_CONNECTION} proxy_set_header X-Forwarded-For $remote_addr;`;

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function serve(directory: string, interim: string): Promise<ServerProcess> {
  const env = { HOLDFAST_SERVE_INTERIM: interim };
  const server = await startServer({ data: join(directory, interim), port: 0, env });
  stops.push(() => stopServer(server));
  return server;
}

async function before(server: ServerProcess, lines: string): Promise<Nginx> {
  const nginx = await startNginx([new URL(server.url).host], lines);
  stops.unshift(nginx.stop);
  return nginx;
}

const CREATE = [
  "POST /v1/files HTTP/1.1",
  "Host: localhost",
  "Upload-Draft-Interop-Version: 8",
  "Upload-Complete: ?1",
  "Content-Length: 5",
  "",
  "hello",
].join("\r\n");
const LIVE = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

interface Talk {
  say(text: string): void;
  /** Resolves with all that came once this is in it. */
  until(wanted: string): Promise<string>;
  end(): void;
}

function talk({ url }: { readonly url: string }): Talk {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
  });
  socket.on("error", (error) => {
    text += ` ${error.message}`;
  });
  return {
    say: (words) => void socket.write(words),
    async until(wanted) {
      await expect.poll(() => text, { timeout: 20_000 }).toContain(wanted);
      return text;
    },
    end: () => void socket.destroy(),
  };
}

it("a creation through nginx is a file, and the connection goes on", () =>
  withScratch(async (directory) => {
    const server = await serve(directory, "direct");
    for (const lines of [MARKED, ""]) {
      const client = talk(await before(server, lines));
      client.say(CREATE);
      const answer = await client.until('"upload"');
      expect(answer).toMatch(/^HTTP\/1\.1 201 /);
      client.say(LIVE);
      expect(await client.until('{"status":"ok"}')).not.toContain(" 104 ");
      client.end();
    }
  }));

it("without nginx in between the same creation is told its address before", () =>
  withScratch(async (directory) => {
    const client = talk(await serve(directory, "direct"));
    client.say(CREATE);
    expect(await client.until('"upload"')).toMatch(
      /^HTTP\/1\.1 104 .*\r\nlocation: \/v1\/uploads/i,
    );
    client.end();
  }));

it("nginx takes a 104 for the answer: who sends it there loses the connection's next answer", () =>
  withScratch(async (directory) => {
    const client = talk(await before(await serve(directory, "always"), MARKED));
    client.say(CREATE);
    await client.until('"upload"');
    client.say(LIVE);
    // Nothing comes any more: that it were handed on after all, and the setting's default needless, would show within this time.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const text = await client.until("HTTP/1.1 104");
    expect(text).not.toContain('{"status":"ok"}');
    client.end();
  }));
