// A SeaweedFS of its own that speaks S3: a fresh data folder, free ports of 127.0.0.1, one key pair.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { startService } from "./child.ts";
import { weedProgram } from "./install.ts";

export interface Seaweed {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Who may read and list, and nothing else. */
  readonly reader: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const PARTS = ["master", "volume", "filer", "s3"] as const;

export async function startSeaweed(): Promise<Seaweed> {
  const weed = await weedProgram();
  const directory = await mkdtemp(join(tmpdir(), "holdfast-seaweed-"));
  try {
    const { accessKeyId, secretAccessKey } = newKeys();
    const reader = newKeys();
    const config = join(directory, "s3.json");
    const identities = [
      {
        name: "holdfast",
        credentials: [{ accessKey: accessKeyId, secretKey: secretAccessKey }],
        actions: ["Admin", "Read", "Write", "List", "Tagging"],
      },
      {
        name: "reader",
        credentials: [{ accessKey: reader.accessKeyId, secretKey: reader.secretAccessKey }],
        actions: ["Read", "List"],
      },
    ];
    await writeFile(config, JSON.stringify({ identities }), { mode: 0o600 });
    const ports: string[] = [];
    let s3 = 0;
    for (const part of PARTS) {
      const port = await freePort();
      if (part === "s3") s3 = port;
      ports.push(`-${part}.port=${port}`, `-${part}.port.grpc=${await freePort()}`);
    }
    const service = await startService({
      name: "weed",
      directory,
      command: [
        ...[weed, "server", `-dir=${directory}`, "-ip=127.0.0.1", "-ip.bind=127.0.0.1"],
        ...["-s3", `-s3.config=${config}`, "-s3.port.iceberg=0", "-s3.port.lance=0", ...ports],
        ...["-master.volumeSizeLimitMB=256", "-volume.max=0", "-master.telemetry=false"],
      ],
      signal: "SIGTERM",
      isReady: () => answers(`http://127.0.0.1:${s3}/healthz`),
    });
    return {
      url: `http://127.0.0.1:${s3}`,
      accessKeyId,
      secretAccessKey,
      reader,
      async stop() {
        // What it would flush first is removed with it.
        if (service.isRunning()) await service.end("SIGKILL");
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw cause;
  }
}

function newKeys(): Seaweed["reader"] {
  const [accessKeyId, secretAccessKey] = [randomBytes(10), randomBytes(20)];
  return {
    accessKeyId: accessKeyId.toString("hex"),
    secretAccessKey: secretAccessKey.toString("hex"),
  };
}

/** Its port is open some seconds before it can answer. */
async function answers(url: string): Promise<boolean> {
  try {
    const { ok } = await fetch(url, { signal: AbortSignal.timeout(1000) });
    return ok;
  } catch {
    return false;
  }
}
