// One connection of an upload is cut once: what does that cost on the wire?
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { type ChaosProxy, startProxy } from "@holdfast/testkit/proxy";
import { writeContent } from "./source.ts";
import { startUpload, uploaded } from "./upload.ts";
import { servedDifference } from "./wire.ts";

export interface CutReport {
  readonly size: number;
  readonly cuts: number;
  /** Bytes the client sent beyond the file's own, headers included: counted at the proxy, and by the client itself. */
  readonly extraAtProxy: number;
  readonly extraByClient: number;
  readonly wrongByteAt: number | undefined;
}

export async function measureCut(
  directory: string,
  size: number,
  seed: number,
): Promise<CutReport> {
  const content = { seed, size };
  const path = join(directory, "cut-source");
  await writeContent(path, content);
  const server = await startServer({ data: join(directory, "cut-data"), port: await freePort() });
  const proxy = await startProxy({ targetPort: server.port });
  const command = startUpload(path, proxy.url, join(directory, "state"));
  const cutting = cutBusiest(proxy, size / 2, command.exit);
  const done = await uploaded(command);
  const cuts = await cutting;
  const extraAtProxy = proxy.totals().up - size;
  await proxy.close();
  const wrongByteAt = await servedDifference(server.url, new URL(done.url).pathname, content);
  await stopServer(server);
  return { size, cuts, extraAtProxy, extraByClient: done.bytesSent - size, wrongByteAt };
}

/** Waits until so many bytes have passed, then cuts the connection that carried most of them. Resolves with the number of cuts. */
async function cutBusiest(
  proxy: ChaosProxy,
  afterBytes: number,
  end: Promise<unknown>,
): Promise<number> {
  const running = { isOn: true };
  void end.then(() => {
    running.isOn = false;
  });
  while (running.isOn) {
    if (proxy.totals().up >= afterBytes) {
      const open = proxy.connections.filter((connection) => connection.isOpen);
      const [busiest] = open.sort((a, b) => b.up - a.up);
      busiest?.cut();
      return busiest ? 1 : 0;
    }
    await sleep(1);
  }
  return 0;
}
