// nginx as a proxy before a server, where it is installed.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "@holdfast/testkit/free-port";

export const hasNginx: boolean = spawnSync("nginx", ["-v"]).status === 0;

export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/** Resolves when it listens. `lines` go into its `location /`. */
export async function startNginx(
  directory: string,
  upstream: string,
  lines: string,
): Promise<Nginx> {
  const port = await freePort();
  const place = join(directory, `nginx-${port}`);
  await mkdir(place, { recursive: true });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${join(place, kind)};`)
    .join("\n");
  // Its workers give root up otherwise, and could not write into a directory of ours.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const config = `daemon off; ${user} pid ${join(place, "pid")}; error_log ${join(place, "error.log")};
events { worker_connections 256; }
http {
  access_log off;
${temporary}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      proxy_set_header Host $http_host;
      ${lines}
    }
  }
}
`;
  await writeFile(join(place, "nginx.conf"), config);
  const child = spawn("nginx", ["-p", place, "-c", join(place, "nginx.conf")], { stdio: "ignore" });
  process.once("exit", () => child.kill("SIGKILL"));
  await listening(child, port);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 100 && child.exitCode === null; tries++) {
    if (await canConnect(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nginx does not listen on ${port} (exit code ${child.exitCode})`);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
