// The programs to compare with, as Debian packages them: nginx and rclone. What is missing is installed, and said.
import { execFile } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "@holdfast/testkit/free-port";
import { startProgram } from "@holdfast/testkit/process";
import type { Stage } from "./stage.ts";

const run = promisify(execFile);

export interface Peer {
  readonly port: number;
  /** The process whose tree is measured. */
  readonly pid: number;
  /** Where what was uploaded lies, and what is served. */
  readonly place: string;
  /** Removes what was uploaded, so that its write-back does not run into the next measurement. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** nginx takes PUT and serves with sendfile. `bodyBuffer` is its client_body_buffer_size: the default is 16k. */
export async function serveNginx(stage: Stage, bodyBuffer: "16k" | "1m"): Promise<Peer> {
  await requireProgram("nginx", "nginx-light");
  const port = await freePort();
  const directory = join(stage.directory, `nginx-${bodyBuffer}`);
  const place = join(directory, "www");
  await mkdir(place, { recursive: true });
  const config = join(directory, "nginx.conf");
  await writeFile(config, nginxConfig(directory, port, bodyBuffer));
  return startPeer(["nginx", "-p", directory, "-c", config], port, place);
}

function nginxConfig(directory: string, port: number, bodyBuffer: string): string {
  return `
    ${process.getuid?.() === 0 ? "user root;" : ""}
    daemon off; worker_processes 2; pid ${directory}/pid; error_log ${directory}/error.log;
    events { worker_connections 512; }
    http {
      access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
      client_max_body_size 0; client_body_buffer_size ${bodyBuffer};
      client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/p;
      fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
      server { listen 127.0.0.1:${port}; root ${directory}/www; dav_methods PUT DELETE; }
    }`;
}

/** rclone serves a directory by WebDAV. */
export async function serveRclone(stage: Stage): Promise<Peer> {
  await requireProgram("rclone", "rclone");
  const port = await freePort();
  const place = join(stage.directory, "rclone");
  await mkdir(place, { recursive: true });
  const words = ["serve", "webdav", place, "--addr", `127.0.0.1:${port}`, "--dir-cache-time", "0s"];
  return startPeer(["rclone", ...words, "--config", ""], port, place);
}

async function startPeer(words: readonly string[], port: number, place: string): Promise<Peer> {
  const command = startProgram(words);
  await untilItListens(port);
  return {
    port,
    pid: command.pid,
    place,
    async clear() {
      for (const name of await readdir(place)) await rm(join(place, name), { recursive: true });
    },
    async stop() {
      command.kill("SIGTERM");
      await command.exit;
    },
  };
}

async function untilItListens(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`, { method: "HEAD" });
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(50);
    }
  }
}

/** Installs what is missing, and says so. */
export async function requireProgram(name: string, pkg: string): Promise<void> {
  const isThere = await run("sh", ["-c", `command -v ${name}`]).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  console.error(`bench: installing ${pkg} (Debian), a peer to compare with`);
  const apt = (...words: string[]) => run("apt-get", ["-qq", "-y", ...words]);
  try {
    await apt("update");
    await apt("install", "--no-install-recommends", pkg);
  } catch (cause) {
    throw new Error(`bench compares with ${name}: install ${pkg}, then try again`, { cause });
  }
}
