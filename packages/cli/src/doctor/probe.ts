// An upload of its own, by which an examination sees what happens to real bytes; whatever it makes, it removes.
import { createHash, randomBytes } from "node:crypto";
import { encodeRunDigests, encodeRunPath, type Grid, MIB, partSizeAt } from "@holdfast/protocol";
import { type Answer, exchange, memberOf, type Patient } from "./patient.ts";

export const PROBE_NAME = "holdfast-doctor.probe";
/** Every MiB of a part is the same. */
const BLOCK = randomBytes(MIB);

export interface Probe extends Grid {
  /** Below the base. */
  readonly path: string;
}

export interface ProbeWants {
  readonly partSize: number;
  readonly partCount: number;
  /** What stays as it is where a store takes no parts as small. */
  readonly keeps: "count" | "size";
}

/** A probe, or the answer that says why there is none. */
export async function createProbe(
  patient: Patient,
  { partSize, partCount, keeps }: ProbeWants,
): Promise<Probe | Answer> {
  const size = partSize * partCount;
  const made = await create(patient, { partSize, size });
  const least = isProbe(made) ? undefined : memberOf(made, "partSizeMin");
  if (typeof least !== "number" || least <= partSize) return made;
  const grown = keeps === "size" ? size : least * (partCount - 1) + partSize;
  return create(patient, { partSize: least, size: grown });
}

async function create(patient: Patient, { partSize, size }: Grid): Promise<Probe | Answer> {
  const answer = await exchange(patient, {
    method: "POST",
    path: "/v1/uploads",
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ name: PROBE_NAME, size, partSize })),
  });
  const id = memberOf(answer, "id");
  if (answer.status !== 201 || typeof id !== "string") return answer;
  return { path: `/v1/uploads/${id}`, partSize, size };
}

export function isProbe(made: Probe | Answer): made is Probe {
  return "path" in made;
}

/** Bytes of the parts from `start` up to but without `end`. */
export function probeBytes(probe: Probe, start: number, end: number): Uint8Array {
  const sizes = Array.from({ length: end - start }, (_, at) => partSizeAt(probe, start + at));
  return Buffer.concat(sizes.map(partOf));
}

/** Every part begins in the same way, whichever run it is in. */
function partOf(size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += MIB) bytes.set(BLOCK.subarray(0, size - at), at);
  return bytes;
}

/** Path and headers of the request that brings a run. */
export function probeRun(
  probe: Probe,
  start: number,
  end: number,
): { readonly method: "PUT"; readonly path: string; readonly headers: Record<string, string> } {
  const bytes = probeBytes(probe, start, end);
  const digestOf = (at: number): Uint8Array =>
    createHash("sha256")
      .update(bytes.subarray(at * probe.partSize, (at + 1) * probe.partSize))
      .digest();
  const [name, value] = encodeRunDigests(
    "sha-256",
    Array.from({ length: end - start }, (_, at) => digestOf(at)),
  );
  const length = String(bytes.length);
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
