// Whether parts may go straight to the store behind a server, and whether it can be reached from here.
import { createHash } from "node:crypto";
import { decodePartRequests, encodePartsWanted, KIB, type PartRequest } from "@holdfast/protocol";
import { type Finding, ok, skip, warn } from "./finding.ts";
import { type Answer, exchange, memberOf, type Patient } from "./patient.ts";
import { abortProbe, createProbe, isProbe, type Probe, probeBytes } from "./probe.ts";

const PART_SIZE: number = 256 * KIB;
const TIMEOUT_MS = 20_000;

/** Sends the part of an upload of its own, and ends that. */
export async function checkDirect(patient: Patient): Promise<Finding> {
  const wants = { partSize: PART_SIZE, partCount: 1, keeps: "count" } as const;
  const probe = await createProbe(patient, wants);
  if (!isProbe(probe)) return skip("direct", "no upload can be begun");
  try {
    const view = await exchange(patient, { method: "GET", path: probe.path });
    if (memberOf(view, "transfer") !== "direct") {
      return ok("direct", "not offered: parts go through the server");
    }
    return await bring(patient, probe);
  } finally {
    await abortProbe(patient, probe).catch(() => undefined);
  }
}

async function bring(patient: Patient, probe: Probe): Promise<Finding> {
  const bytes = probeBytes(probe, 0, 1);
  const digest = new Uint8Array(createHash("sha256").update(bytes).digest());
  const answer = await exchange(patient, {
    method: "POST",
    path: `${probe.path}/requests`,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(encodePartsWanted({ parts: [{ index: 0, digest }] }))),
  });
  const [request] = requestsIn(answer);
  if (!request) {
    return bad(`no request is signed (status ${answer.status})`, "Look at the server's log.");
  }
  const { host, hostname } = new URL(request.url, patient.base);
  try {
    const status = await send(patient, request, bytes);
    if (status < 300) return ok("direct", `offered: parts go straight to ${host}`);
    const fix = "Look whether something in between changes requests: holdfast doctor --storage";
    return bad(`the store at ${host} answers ${status}`, fix);
  } catch {
    const fix = `Let this machine reach ${hostname}: its name, its port, proxies and firewalls.`;
    return bad(`the store at ${host} cannot be reached from here`, fix);
  }
}

function requestsIn({ status, body }: Answer): readonly PartRequest[] {
  return status === 200 ? decodePartRequests(JSON.parse(Buffer.from(body).toString("utf8"))) : [];
}

async function send(
  { base }: Patient,
  { url, method, headers }: PartRequest,
  bytes: Uint8Array,
): Promise<number> {
  // It sets the size by itself.
  const { "content-length": _, ...rest } = headers;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const body = Uint8Array.from(bytes);
  const redirect = "manual";
  const answer = await fetch(new URL(url, base), { method, headers: rest, body, redirect, signal });
  await answer.body?.cancel();
  return answer.status;
}

function bad(what: string, other: string): Finding {
  return warn("direct", what, "Parts go through the server, which costs it time and traffic.", {
    other,
  });
}
