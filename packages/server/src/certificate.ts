// The server's certificate and key: read from two files, proved to belong together, read again when they change.
import { createPrivateKey, hash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Clock, Log } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

/** PEM files; the certificate's may hold the whole chain, the server's own first. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Certificate {
  readonly context: SecureContextOptions;
  /** Milliseconds since 1970 from which on no client trusts it. */
  readonly validTo: number;
  /** Another one for any other content of the two files. */
  readonly identity: string;
}

/** How often the files are looked at: who renews certificates does it days before they end. */
const LOOK_MS = 10_000;
const DAY_MS = 86_400_000;
const WARN_DAYS = 14;

/** @throws HoldfastError `usage` naming the file that cannot be used, and why */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const [cert, key] = [await readPem(files.cert), await readPem(files.key)];
  const leaf = attempt(files.cert, () => new X509Certificate(cert));
  const own = attempt(files.key, () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(own)) throw unusable(files.key, `it is not the key of ${files.cert}`);
  const context = { cert, key };
  attempt(files.cert, () => createSecureContext(context));
  return { context, validTo: Date.parse(leaf.validTo), identity: identityOf([cert, key]) };
}

async function readPem(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw unusable(path, cause.code ?? cause.message, cause);
  });
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError("usage", `${path} cannot be used for TLS: ${why}`, { path }, cause);
}

export interface CertificateWatch {
  /** Reads the files now, whether they changed or not. Resolves when that is done; a bad one is told in the log and the old one stays. */
  reload(): Promise<void>;
  stop(): void;
}

interface WatchParts {
  readonly clock: Clock;
  readonly log: Log;
  /** What is served until then. */
  readonly inUse: Pick<Certificate, "identity">;
  readonly onNew: (certificate: Certificate) => void;
}

/**
 * Looks at the files every few seconds and hands on what they hold when it is not what is in use and they belong together. While one of the two is new and the other
 * still old they do not, and the certificate in use stays. It is their content that counts: times of change have the grain of a clock, and may be before the watch.
 */
export function watchCertificate(
  files: CertificateFiles,
  { clock, log, inUse, onNew }: WatchParts,
): CertificateWatch {
  let seen = inUse.identity;
  let callOff = clock.after(LOOK_MS, look);
  let isStopped = false;

  async function reload(): Promise<void> {
    try {
      const certificate = await readCertificate(files);
      if (isStopped) return;
      onNew(certificate);
      const validTo = new Date(certificate.validTo).toISOString();
      const isEnding = certificate.validTo - clock.now() < WARN_DAYS * DAY_MS;
      log(isEnding ? "warn" : "info", "certificate loaded", { validTo });
    } catch (error) {
      log("error", "the new certificate cannot be used: the old one stays", { error });
    }
  }

  function look(): void {
    lookNow()
      .catch((error: unknown) => log("error", "cannot look at the certificate", { error }))
      .finally(() => {
        if (!isStopped) callOff = clock.after(LOOK_MS, look);
      });
  }

  async function lookNow(): Promise<void> {
    const found = identityOf(await Promise.all([files.cert, files.key].map(readOr)));
    if (found === seen) return;
    seen = found;
    await reload();
  }

  return {
    reload,
    stop() {
      isStopped = true;
      callOff();
    },
  };
}

/** The content, or why there is none: a failure that stays the same is told once. */
function readOr(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => Buffer.from(`${error.code}`));
}

function identityOf(contents: readonly Buffer[]): string {
  return contents.map((content) => hash("sha256", content)).join(" ");
}
