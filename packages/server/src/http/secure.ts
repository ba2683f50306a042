// The HTTP server with or without TLS: with it, a changed certificate is taken over while connections go on.
import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import { type Certificate, readCertificate, watchCertificate } from "../certificate.ts";
import { isLoopback, type Settings } from "../config.ts";
import type { Front } from "./front.ts";
import { createHttpServer } from "./node.ts";

export interface HttpFront {
  readonly server: Server | SecureServer;
  /** Reads the certificate now, if there is one. */
  reload(): Promise<void>;
  /** No more looks at the files. */
  stop(): void;
}

/** @throws HoldfastError `usage` where the certificate cannot be used */
export async function openHttp(
  front: Front,
  { tls, isForProxiesOnly, interim }: Pick<Settings, "tls" | "isForProxiesOnly" | "interim">,
): Promise<HttpFront> {
  if (!tls) {
    const { isProxy } = front.trust;
    const mayConnect = (address: string) => isLoopback(address) || isProxy(address);
    return {
      server: createHttpServer(front, { interim, ...(isForProxiesOnly ? { mayConnect } : {}) }),
      reload: async () => undefined,
      stop: () => undefined,
    };
  }
  const { minVersion = "TLSv1.3" } = tls;
  const optionsOf = ({ context }: Certificate) => ({ ...context, minVersion });
  const inUse = await readCertificate(tls);
  const server = createHttpServer(front, { interim, tls: optionsOf(inUse) });
  const watch = watchCertificate(tls, {
    inUse,
    clock: front.clock,
    log: front.log,
    onNew(certificate) {
      // New connections get the new one; those that are there keep what they agreed on.
      if ("setSecureContext" in server) server.setSecureContext(optionsOf(certificate));
    },
  });
  return { server, reload: watch.reload, stop: watch.stop };
}
