// The HTTP servers with or without TLS: with it, HTTP/2 too, and a changed certificate is taken over while connections go on.
import type { Server } from "node:http";
import type { Http2Server } from "node:http2";
import type { Server as SecureServer } from "node:https";
import { type Certificate, readCertificate, watchCertificate } from "../certificate.ts";
import { isLoopback, type Settings } from "../config.ts";
import { PROTOCOLS, takeH2 } from "./alpn.ts";
import type { Front } from "./front.ts";
import { createH2, type H2 } from "./h2.ts";
import { createHttpServer, type HttpOptions } from "./node.ts";
import { LOCAL_PEER } from "./trust.ts";

export interface HttpFront {
  readonly server: Server | SecureServer;
  /** HTTP/2 over the server's TLS. */
  readonly h2: H2 | undefined;
  /** Plain HTTP, for a socket in the file system. */
  readonly local: Server | SecureServer | undefined;
  /** HTTP/2 in the clear, for a port of its own. */
  readonly h2c: (H2 & { readonly server: Http2Server }) | undefined;
  /** Reads the certificate now, if there is one. */
  reload(): Promise<void>;
  /** No more looks at the files. */
  stop(): void;
}

type Wanted = Pick<
  Settings,
  "tls" | "isForProxiesOnly" | "interim" | "h2cPort" | "isH2cForProxiesOnly" | "socket"
>;

/** @throws HoldfastError `usage` where the certificate cannot be used */
export async function openHttp(front: Front, wanted: Wanted): Promise<HttpFront> {
  const { tls, interim, isForProxiesOnly, isH2cForProxiesOnly } = wanted;
  const plain = (isLimited: boolean): HttpOptions => ({
    interim,
    ...(isLimited
      ? { mayConnect: (address) => isLoopback(address) || front.trust.isProxy(address) }
      : {}),
  });
  const h2c =
    wanted.h2cPort === undefined ? undefined : createH2(front, plain(isH2cForProxiesOnly));
  const local =
    wanted.socket === undefined
      ? undefined
      : createHttpServer(front, { ...plain(false), peer: LOCAL_PEER });
  if (!tls) {
    return {
      server: createHttpServer(front, plain(isForProxiesOnly)),
      ...{ h2: undefined, h2c, local },
      reload: async () => undefined,
      stop: () => undefined,
    };
  }
  const { minVersion = "TLSv1.3" } = tls;
  const optionsOf = ({ context }: Certificate) => ({
    ...{ ...context, minVersion },
    ALPNProtocols: PROTOCOLS,
  });
  const inUse = await readCertificate(tls);
  const server = createHttpServer(front, { interim, tls: optionsOf(inUse) });
  const h2 = createH2(front, { interim });
  if ("setSecureContext" in server) takeH2(server, h2);
  const watch = watchCertificate(tls, {
    inUse,
    clock: front.clock,
    log: front.log,
    onNew(certificate) {
      // New connections get the new one; those that are there keep what they agreed on.
      if ("setSecureContext" in server) server.setSecureContext(optionsOf(certificate));
    },
  });
  return { server, h2, h2c, local, reload: watch.reload, stop: watch.stop };
}
