// How large a body may be on its way to the server.
import { MIB, partCount } from "@holdfast/protocol";
import { formatRate } from "../sizes.ts";
import { type Finding, fail, ok, skip, warn } from "./finding.ts";
import { exchange, isHoldfast, type Patient } from "./patient.ts";
import { abortProbe, createProbe, isProbe, probeBytes, probeRun } from "./probe.ts";

const SIZES_MIB = [1, 8, 64];
/** One that would take longer than this is not tried. */
const PATIENCE_MS = 20_000;

const NO_LIMIT = {
  nginx: "client_max_body_size 0;",
  caddy: "remove max_size from request_body { }",
  other: "Raise the limit on bodies to 64 MiB or take it away; Holdfast has limits of its own.",
};

/** Tries bodies of growing size, up to the first that does not pass. */
export async function checkBodies(patient: Patient): Promise<readonly Finding[]> {
  const sizes = SIZES_MIB.filter((mib) => mib * MIB <= patient.bodyMax);
  let passed = 0;
  let rate = Number.POSITIVE_INFINITY;
  for (const mib of sizes) {
    if ((mib * MIB * 1000) / rate > PATIENCE_MS) {
      return [...done(passed, rate), skip("body", `${mib} MiB not tried: it would take too long`)];
    }
    const tried = await tryBody(patient, mib);
    if (typeof tried !== "number") return [...done(passed, rate), tried];
    passed = mib;
    rate = tried;
  }
  return done(passed, rate);
}

function done(mib: number, rate: number): readonly Finding[] {
  return mib === 0 ? [] : [ok("body", `a request of ${mib} MiB passes, at ${formatRate(rate)}`)];
}

/** Bytes a second, or what stood in the way. */
async function tryBody(patient: Patient, mib: number): Promise<number | Finding> {
  const probe = await createProbe(patient, { partSize: MIB, partCount: mib, keeps: "size" });
  if (!isProbe(probe))
    return skip("body", `no upload of ${mib} MiB is to be had (${probe.status})`);
  try {
    const startedAt = performance.now();
    const answer = await exchange(patient, {
      ...probeRun(probe, 0, partCount(probe)),
      body: probeBytes(probe, 0, partCount(probe)),
      timeoutMs: PATIENCE_MS * 2,
    });
    if (answer.status === 200) return (mib * MIB * 1000) / (performance.now() - startedAt);
    const who = isHoldfast(answer) ? "the server" : "something on the way";
    return refused(mib, `${who} refuses a body of ${mib} MiB with ${answer.status}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refused(mib, `a body of ${mib} MiB does not pass: ${why}`);
  } finally {
    await abortProbe(patient, probe).catch(() => undefined);
  }
}

function refused(mib: number, what: string): Finding {
  if (mib === 1) return fail("body", what, "No part passes: uploads cannot work.", NO_LIMIT);
  const meaning = "Uploads work, with fewer parts a request than the line could carry.";
  return warn("body", what, meaning, NO_LIMIT);
}
