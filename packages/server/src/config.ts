// The settings of a server: defaults, and the refusal to listen where anybody could come in.
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import type { Limits, Log } from "@holdfast/engine";
import { HoldfastError, MIB } from "@holdfast/protocol";
import manifest from "../package.json" with { type: "json" };
import type { CertificateFiles } from "./certificate.ts";
import { parseOrigin } from "./http/cors.ts";
import { REQUESTS_MAX } from "./http/in-flight.ts";
import type { Interim } from "./http/interim.ts";
import { createTrust, LOCAL_PEER, type Trust } from "./http/trust.ts";
import type { MasterKeys } from "./keys/keys-file.ts";
import { hasTokens } from "./policy/tokens-file.ts";
import { readSeveral, type Several } from "./several.ts";

export const VERSION: string = manifest.version;

export interface ServeOptions {
  /** A name or an address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** 0 takes a free one; 8420 by default. */
  readonly port?: number;
  /** Made where it does not exist. One server owns it at a time. */
  readonly dataDir: string;
  /**
   * Address of a bucket that keeps the bytes, `s3://BUCKET/PREFIX?region=REGION` (docs/storage-s3.md); without it they are in the data directory. Credentials come
   * from where the AWS SDK looks for them. Wants `@aws-sdk/client-s3` and `@aws-sdk/s3-request-presigner`.
   */
  readonly storage?: string;
  /** Addresses of further buckets by names, for tenants whose bytes are to be elsewhere; every name that files are under has to be there. */
  readonly storages?: Readonly<Record<string, string>>;
  /** In which of `storages` the new uploads of a tenant go, by its name; those of all other tenants go to `storage`. */
  readonly homes?: Readonly<Record<string, string>>;
  /**
   * Address of a PostgreSQL that keeps the records, `postgres://USER@HOST:PORT/DATABASE`, `?schema=NAME` for other tables than `holdfast`; without it they are in
   * the data directory. The password may stand in it, in PGPASSWORD or in the file that PGPASSFILE names. Wants the package `pg`.
   */
  readonly metadata?: string;
  /** Whoever does not send it comes no further than health. 16 characters of visible ASCII at least; an empty one is none. */
  readonly token?: string;
  /** Keys to sign addresses with, where they are not those of the data directory. */
  readonly keys?: MasterKeys | undefined;
  /** Speaks HTTP/2 in the clear too, on this port; 0 takes a free one, without it nowhere. Over TLS, HTTP/2 and HTTP/1.1 share a port. */
  readonly h2cPort?: number;
  /** Listens on a socket at this path too, without TLS: for a proxy on this machine. */
  readonly socket?: string;
  /** Allows plain HTTP beyond this machine, for a network that is trusted or behind something that does TLS. */
  readonly insecure?: boolean;
  /** Speaks HTTPS with this certificate; the files are read again when they change. */
  readonly tls?: TlsFiles;
  readonly log?: Log;
  /** Memory that bodies may pass through, in bytes; 256 MiB by default. */
  readonly slotMemory?: number;
  /** Requests that one principal may have under way; 2,000 by default. */
  readonly requestsMax?: number;
  /** Origins whose pages may use the server from a browser, such as https://app.example; none by default. */
  readonly origins?: readonly string[];
  /**
   * Addresses and networks of proxies in front, such as 10.0.0.0/8, or `unix` for one that comes over `socket`: what they say of where a request comes from is
   * believed. With them, plain HTTP beyond this machine is allowed, for them and nobody else; and a token is needed, wherever the server listens.
   */
  readonly proxies?: readonly string[];
  /**
   * Who is sent interim responses (104) while a body comes. `direct` by default: nobody behind a proxy, since some proxies take one for the answer. `always` where
   * all of them hand it on, `never` where there is one that leaves no mark on what it forwards.
   */
  readonly interim?: Interim;
  /** Checks each part of a file by its digest before a byte of it goes out, and refuses one that is damaged: every download then reads its bytes twice. Off by default, since clients check what they get. */
  readonly verifyReads?: boolean;
  /**
   * Lets nginx in front send files from the disk by itself (`X-Accel-Redirect`): the prefix of its `internal` location whose `alias` is `uploads/` of the data directory, such as
   * `/holdfast-files/`. For requests of the `proxies` only. See examples/proxies/nginx-files.conf.
   */
  readonly accelRedirect?: string;
  /** Leads downloads to the bucket that has the bytes, by addresses that it signs for 15 minutes: who has one reads until then, whatever becomes of his rights. Off by default. */
  readonly redirectReads?: boolean;
  /** Room to keep on the disk, in bytes: with less, no upload begins. By default 1 GiB, or 5 % of a disk below 20 GiB. */
  readonly keepFree?: number;
  /** What each principal may use at most, where its token sets nothing else; no limits by default. */
  readonly limits?: Limits;
  /** How long a shutdown may take, in milliseconds; 10 s by default. */
  readonly closeMs?: number;
  /** Called once when the records cannot be trusted any longer: the server is closed and the process should end, a new start recovers. */
  readonly onFatal?: (error: HoldfastError) => void;
}

export interface TlsFiles extends CertificateFiles {
  /** The oldest version that is spoken; 1.3 by default. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

export interface Settings {
  /** An address, so that what was checked is what is bound. */
  readonly address: string;
  readonly port: number;
  readonly storage: string | undefined;
  readonly several: Several;
  readonly metadata: string | undefined;
  readonly token: string | undefined;
  readonly keys: MasterKeys | undefined;
  readonly tls: TlsFiles | undefined;
  readonly slotMemory: number;
  readonly requestsMax: number;
  readonly origins: readonly string[];
  readonly trust: Trust;
  /** Plain HTTP from beyond this machine is for the proxies only. */
  readonly isForProxiesOnly: boolean;
  readonly h2cPort: number | undefined;
  readonly socket: string | undefined;
  /** The same for the port of HTTP/2, which never speaks TLS. */
  readonly isH2cForProxiesOnly: boolean;
  readonly interim: Interim;
  readonly verifyReads: boolean;
  readonly accelPrefix: string | undefined;
  readonly redirectReads: boolean;
  /** Undefined for what suits the disk. */
  readonly keepFree: number | undefined;
  readonly limits: Limits | undefined;
  readonly closeMs: number;
}

const PORT = 8420;
const CLOSE_MS = 10_000;
const SLOT_MEMORY: number = 256 * MIB;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** @throws HoldfastError `insecure_bind`, `usage` */
export async function readSettings(options: ServeOptions): Promise<Settings> {
  const { host = "127.0.0.1", port = PORT, insecure = false, tls, h2cPort } = options;
  const token = checkToken(options.token);
  const isGuarded = token !== undefined || hasTokens(options.dataDir);
  for (const one of [port, h2cPort ?? 0]) {
    if (Number.isInteger(one) && one >= 0 && one <= 65_535) continue;
    throw new HoldfastError("usage", "the port must be a number from 0 to 65535");
  }
  const { proxies = [] } = options;
  const trust = createTrust(proxies);
  if (proxies.includes(LOCAL_PEER) && options.socket === undefined) {
    throw new HoldfastError("usage", `proxies name ${LOCAL_PEER}, and there is no socket`);
  }
  const addresses = await resolve(host);
  // A certificate does nothing for a port that is in the clear.
  const hasTls = tls !== undefined && h2cPort === undefined;
  const isAllowed = hasTls || insecure || trust.hasProxies;
  if (!addresses.every(isLoopback) && !(isAllowed && isGuarded)) {
    throw new HoldfastError("insecure_bind", `${host} can be reached from other machines`, {
      host,
    });
  }
  if (trust.hasProxies && !isGuarded) {
    // To this machine what comes through a proxy comes from the proxy, by whatever name that calls the server.
    const hint =
      "Set HOLDFAST_TOKEN or make a token: everybody reaches the server through a proxy.";
    throw new HoldfastError("insecure_bind", "proxies are named, and no token", { host, hint });
  }
  const [address = host] = addresses;
  const { slotMemory = SLOT_MEMORY, requestsMax = REQUESTS_MAX, closeMs = CLOSE_MS } = options;
  const { interim = "direct", verifyReads = false } = options;
  const { keepFree, limits, keys, storage, metadata } = options;
  const accelPrefix = readAccelPrefix(options);
  const redirectReads = readRedirects(options);
  const several = readSeveral(options);
  const origins = (options.origins ?? []).map(parseOrigin);
  return {
    ...{ address, port, storage, several, metadata, token, keys, tls, origins, trust },
    isForProxiesOnly: trust.hasProxies && tls === undefined && !insecure,
    ...{ socket: options.socket, h2cPort, isH2cForProxiesOnly: trust.hasProxies && !insecure },
    ...{
      slotMemory,
      requestsMax,
      keepFree,
      limits,
      closeMs,
      interim,
      verifyReads,
      accelPrefix,
      redirectReads,
    },
  };
}

/** Nothing that could end a header or a path, and leads nowhere else. */
const PREFIX = /^\/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)+$/;

/** @throws HoldfastError `usage` */
function readAccelPrefix(options: ServeOptions): string | undefined {
  const { accelRedirect: prefix, proxies = [], verifyReads, storage } = options;
  if (prefix === undefined) return undefined;
  const why = [
    [!PREFIX.test(prefix), `"${prefix}" is no prefix such as /holdfast-files/`],
    [proxies.length === 0, "nobody but a proxy is told where files are: name it with --proxies"],
    [verifyReads === true, "nginx would send what this server has not checked (--verify-reads)"],
    [storage !== undefined, "what nginx sends lies on this machine, and not in a bucket"],
  ] as const;
  const [, refused] = why.find(([isSo]) => isSo) ?? [];
  if (refused === undefined) return prefix;
  throw new HoldfastError("usage", `--accel-redirect: ${refused}`);
}

/** @throws HoldfastError `usage` */
function readRedirects({ redirectReads = false, verifyReads, storage }: ServeOptions): boolean {
  if (!redirectReads) return false;
  const why = verifyReads
    ? "the store would send what was not checked (--verify-reads)"
    : undefined;
  const refused = storage === undefined ? "there is no bucket to lead anybody to" : why;
  if (refused === undefined) return true;
  throw new HoldfastError("usage", `--redirect-reads: ${refused}`);
}

/** The low-water mark that suits a disk of this size: 1 GiB, or 5 % of a small one. */
export function keepFreeOf(capacity: number): number {
  return Math.min(1024 * MIB, Math.floor(capacity / 20));
}

const TOKEN_SIZE_MIN = 16;
/** Fewer are a row of one key. Random ones have nearly as many as there are characters. */
const TOKEN_DISTINCT_MIN = 6;

/**
 * A header can carry no other characters, and a token that nobody can send locks everybody out. One that is guessed lets everybody in: nothing slows down
 * who tries, but its own length.
 */
function checkToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new HoldfastError("usage", "the token must be visible ASCII characters without spaces");
  }
  if (token.length < TOKEN_SIZE_MIN) {
    throw weakToken(`it has ${token.length} characters, and ${TOKEN_SIZE_MIN} are the least`);
  }
  if (new Set(token).size < TOKEN_DISTINCT_MIN) {
    throw weakToken(`it has fewer than ${TOKEN_DISTINCT_MIN} different characters`);
  }
  return token;
}

function weakToken(why: string): HoldfastError {
  const hint = "`openssl rand -hex 24` makes one that nobody guesses.";
  return new HoldfastError("usage", `the token could be guessed: ${why}`, { hint });
}

/** IPv4 first: it is what `localhost` means to most who type it. */
async function resolve(host: string): Promise<readonly string[]> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return [bare];
  try {
    const found = await lookup(bare, { all: true, order: "ipv4first" });
    return found.map(({ address }) => address);
  } catch (cause) {
    throw new HoldfastError("usage", `there is no address for ${host}`, { host }, cause);
  }
}

export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** What a client on this machine types: an address that stands for all of them is reached by loopback. */
export function urlOf(address: string, port: number, scheme: "http" | "https" = "http"): string {
  if (address === "0.0.0.0") return `${scheme}://127.0.0.1:${port}`;
  if (isIP(address) === 4) return `${scheme}://${address}:${port}`;
  return `${scheme}://[${/^[0:]*$/.test(address) ? "::1" : address}]:${port}`;
}
