// An upload of its own, by which an examination sees what happens to real bytes; whatever it makes, it removes.
import { createHash, randomBytes } from "node:crypto";
import { encodeRunDigests, encodeRunPath, MIB } from "@holdfast/protocol";
import { type Answer, exchange, memberOf, type Patient } from "./patient.ts";

export const PROBE_NAME = "holdfast-doctor.probe";
/** One content for every part: its digest is computed once. */
const BLOCK = randomBytes(MIB);

export interface Probe {
  /** Below the base. */
  readonly path: string;
  readonly partSize: number;
  readonly partCount: number;
}

/** A probe, or the answer that says why there is none. */
export async function createProbe(
  patient: Patient,
  partSize: number,
  partCount: number,
): Promise<Probe | Answer> {
  const answer = await exchange(patient, {
    method: "POST",
    path: "/v1/uploads",
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ name: PROBE_NAME, size: partSize * partCount, partSize })),
  });
  const id = memberOf(answer, "id");
  if (answer.status !== 201 || typeof id !== "string") return answer;
  return { path: `/v1/uploads/${id}`, partSize, partCount };
}

export function isProbe(made: Probe | Answer): made is Probe {
  return "partCount" in made;
}

/** Bytes of the parts from `start` up to but without `end`. */
export function probeBytes({ partSize }: Probe, start: number, end: number): Uint8Array {
  const part = BLOCK.subarray(0, partSize);
  return Buffer.concat(Array.from({ length: end - start }, () => part));
}

/** Path and headers of the request that brings a run. */
export function probeRun(
  probe: Probe,
  start: number,
  end: number,
): { readonly method: "PUT"; readonly path: string; readonly headers: Record<string, string> } {
  const digest = createHash("sha256").update(BLOCK.subarray(0, probe.partSize)).digest();
  const [name, value] = encodeRunDigests(
    "sha-256",
    Array.from({ length: end - start }, () => digest),
  );
  const length = String(probe.partSize * (end - start));
  return {
    method: "PUT",
    path: `${probe.path}/parts/${encodeRunPath([start, end])}`,
    headers: { [name]: value, "content-length": length },
  };
}

/** Number of committed parts, as the status tells. */
export async function committedOf(patient: Patient, probe: Probe): Promise<number> {
  const answer = await exchange(patient, { method: "GET", path: probe.path });
  const committed = memberOf(answer, "committed");
  if (typeof committed !== "object" || committed === null) return 0;
  const count = new Map<string, unknown>(Object.entries(committed)).get("count");
  return typeof count === "number" ? count : 0;
}

/** Ends an upload; how that went is not told, since it ends by itself in a day. */
export async function abortProbe(patient: Patient, { path }: Probe): Promise<Answer> {
  return exchange(patient, { method: "DELETE", path });
}
