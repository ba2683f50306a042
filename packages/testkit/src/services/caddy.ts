// A Caddy of its own: a free port of 127.0.0.1, nothing of the system's configuration, and no certificates.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { canConnect, startService } from "./child.ts";
import { caddyProgram } from "./install.ts";

export interface Caddy {
  readonly url: string;
  stop(): Promise<void>;
}

/** `site` is a Caddyfile without global options, with a site at that address. */
export async function startCaddyWith(site: (address: string) => string): Promise<Caddy> {
  const caddy = await caddyProgram();
  const directory = await mkdtemp(join(tmpdir(), "holdfast-caddy-"));
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const path = join(directory, "Caddyfile");
    await writeFile(path, `{\n\tadmin off\n}\n${site(url)}`);
    const service = await startService({
      name: "caddy",
      directory,
      // It keeps what it stores below its home.
      command: ["env", `HOME=${directory}`, `XDG_DATA_HOME=${directory}`, caddy, "run"].concat([
        "--adapter",
        "caddyfile",
        "--config",
        path,
      ]),
      signal: "SIGTERM",
      isReady: () => canConnect(port),
    });
    return {
      url,
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
