// An nginx of its own before one or more servers: a free port of 127.0.0.1, nothing of the system's configuration.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { canConnect, startService } from "./child.ts";
import { nginxProgram } from "./install.ts";

export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/** What Holdfast wants of it. */
const WELL_SET =
  "proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; client_max_body_size 0;";

/** `upstreams` are `host:port`, taken in turn; without any it answers 502. `lines` go into its `location /`: without any it is as it is installed. */
export function startNginx(upstreams: readonly string[], lines: string = WELL_SET): Promise<Nginx> {
  return startNginxWith((port) => blocksOf(port, upstreams, lines));
}

/** `blocks` is what stands in its `http`, with a server that listens on that port of 127.0.0.1. */
export async function startNginxWith(blocks: (port: number) => string): Promise<Nginx> {
  const nginx = await nginxProgram();
  const directory = await mkdtemp(join(tmpdir(), "holdfast-nginx-"));
  try {
    const port = await freePort();
    const path = join(directory, "nginx.conf");
    await mkdir(join(directory, "temporary"));
    await writeFile(path, configuration(directory, blocks(port)));
    const service = await startService({
      name: "nginx",
      directory,
      command: [nginx, "-p", directory, "-c", path, "-e", join(directory, "nginx.log")],
      signal: "SIGTERM",
      isReady: () => canConnect(port),
    });
    return {
      url: `http://127.0.0.1:${port}`,
      async stop() {
        if (service.isRunning()) await service.end("SIGTERM");
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw cause;
  }
}

function configuration(directory: string, blocks: string): string {
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const temporary = kinds.map((kind) => `${kind}_temp_path ${join(directory, "temporary", kind)};`);
  // Its workers give root up otherwise, and could not write into a directory of ours.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `daemon off; ${user} pid ${join(directory, "pid")};
events { worker_connections 512; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  ${blocks}
}
`;
}

function blocksOf(port: number, upstreams: readonly string[], lines: string): string {
  const servers = upstreams.map((address) => `server ${address} max_fails=1 fail_timeout=1s;`);
  const location =
    upstreams.length === 0
      ? "return 502;"
      : `proxy_pass http://holdfast; proxy_set_header Host $http_host; ${lines}`;
  return `${upstreams.length === 0 ? "" : `upstream holdfast { ${servers.join(" ")} }`}
  server {
    listen 127.0.0.1:${port};
    location / {
      ${location}
    }
  }`;
}
