// Whether the server can be reached at all: its name, its port, its certificate.
import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely, type TLSSocket } from "node:tls";
import { formatTime } from "../ls-text.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const CONNECT_MS = 5_000;
const DAY_MS = 86_400_000;
/** Certificates are renewed a month before their end; one that was not will not be. */
const EXPIRY_WARN_DAYS = 14;

export async function checkName(base: URL): Promise<Finding> {
  const host = hostOf(base);
  if (isIP(host) !== 0) return ok("dns", `${host} is an address already`);
  try {
    const found = await lookup(host, { all: true });
    return ok("dns", `${host} is ${found.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    return fail(
      "dns",
      `there is no address for ${host} (${codeOf(error)})`,
      "No request can be sent.",
      {
        other: "Check how the name is written, and this machine's name server.",
      },
    );
  }
}

export async function checkPort(base: URL): Promise<Finding> {
  const port = portOf(base);
  const startedAt = performance.now();
  try {
    const socket = await opened(connect({ host: hostOf(base), port }));
    socket.destroy();
    return ok("tcp", `port ${port} answers in ${Math.round(performance.now() - startedAt)} ms`);
  } catch (error) {
    const refused = codeOf(error) === "ECONNREFUSED";
    const why = refused ? "nothing listens there" : codeOf(error);
    return fail("tcp", `no connection to port ${port}: ${why}`, "No request can be sent.", {
      other: refused
        ? "Start the server (holdfast serve), or check the port in the address."
        : "Look at firewalls between here and there, and at whether the server listens beyond its own machine (--host).",
    });
  }
}

export async function checkCertificate(base: URL): Promise<readonly Finding[]> {
  if (base.protocol !== "https:") return [plain(base)];
  const socket = connectSecurely({
    host: hostOf(base),
    port: portOf(base),
    ...(isIP(hostOf(base)) === 0 ? { servername: hostOf(base) } : {}),
    rejectUnauthorized: false,
  });
  try {
    await opened(socket, "secureConnect");
    return judgeCertificate(socket);
  } catch (error) {
    return [
      fail("tls", `the port does not speak TLS (${codeOf(error)})`, "No request can be sent.", {
        nginx: "listen 443 ssl;",
        other:
          "Use http:// in the address, or give the server a certificate (--tls-cert, --tls-key).",
      }),
    ];
  } finally {
    socket.destroy();
  }
}

function plain(base: URL): Finding {
  if (isLoopback(base)) return ok("tls", "plain HTTP, which stays on this machine");
  const meaning =
    "Everybody on the way can read and change what is sent; no token is sent this way.";
  return fail("tls", "plain HTTP beyond this machine", meaning, {
    nginx: "listen 443 ssl; ssl_certificate CERT.pem; ssl_certificate_key KEY.pem;",
    caddy: "files.example.org { reverse_proxy 127.0.0.1:8420 }",
    other: "holdfast serve --tls-cert CERT.pem --tls-key KEY.pem",
  });
}

function judgeCertificate(socket: TLSSocket): readonly Finding[] {
  if (!socket.authorized) {
    const why = String(socket.authorizationError);
    return [
      fail(
        "tls",
        `the certificate is not trusted (${why})`,
        "Every client refuses to send anything.",
        {
          other:
            "Serve the whole chain of a public authority, for this very name; or name your own with NODE_EXTRA_CA_CERTS=CA.pem.",
        },
      ),
    ];
  }
  const version = socket.getProtocol() ?? "an unknown version";
  const end = Date.parse(socket.getPeerCertificate().valid_to);
  const days = Math.floor((end - Date.now()) / DAY_MS);
  const facts = `${version}, certificate until ${formatTime(end)} (${days} days)`;
  const findings = [ok("tls", facts)];
  if (days < EXPIRY_WARN_DAYS) {
    findings.push(
      warn("certificate", `it ends in ${days} days`, "From then on every client refuses.", {
        other: "Renew it now, and see why that did not happen by itself.",
      }),
    );
  }
  if (version !== "TLSv1.3") {
    findings.push(
      warn("tls-version", `${version} is old`, "It costs a round trip more for each connection.", {
        nginx: "ssl_protocols TLSv1.2 TLSv1.3;",
        caddy: "tls { protocols tls1.2 tls1.3 }",
        other: "Let the server speak TLS 1.3 (holdfast serve does by default).",
      }),
    );
  }
  return findings;
}

function opened<S extends Socket>(socket: S, event = "connect"): Promise<S> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error("timeout")), CONNECT_MS);
    socket.once(event, () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once("close", () => reject(new Error("closed")));
  });
}

function hostOf(base: URL): string {
  return base.hostname.replace(/^\[(.*)\]$/, "$1");
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

export function isLoopback(base: URL): boolean {
  const host = hostOf(base);
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127\./.test(host)
  );
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
