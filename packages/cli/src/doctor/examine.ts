// The examination as a whole: one check after another, each as far as those before it allow.
import { randomBytes } from "node:crypto";
import { encodeId, ID_BYTES, isHoldfastError, KIB } from "@holdfast/protocol";
import { checkAnswers } from "./answers.ts";
import { checkBodies } from "./bodies.ts";
import { checkAnswerBuffering, checkInterim, checkRequestBuffering } from "./buffering.ts";
import { checkCors } from "./cors.ts";
import { checkDirect } from "./direct.ts";
import { type Finding, fail, hasFailed, ok, skip } from "./finding.ts";
import { type Answer, exchange, memberOf, type Patient } from "./patient.ts";
import { abortProbe, createProbe, isProbe, type Probe } from "./probe.ts";
import { checkRanges } from "./ranges.ts";
import { checkCertificate, checkName, checkPort } from "./reach.ts";
import { checkResumption } from "./resumption.ts";

const PROBE_PART: number = 256 * KIB;
const PROBE_PARTS = 3;

/** Yields findings as they are made. Whatever it makes on the server it removes. */
export async function* examine(patient: Patient): AsyncGenerator<Finding> {
  for (const check of [checkName, checkPort, checkCertificate]) {
    const findings = [await check(patient.base)].flat();
    yield* findings;
    if (hasFailed(findings)) return;
  }
  const answers = await attempt("holdfast", () => checkAnswers(patient));
  yield* answers;
  if (hasFailed(answers)) return;
  yield* await attempt("cors", () => checkCors(patient));
  const access = await attempt("auth", () => checkAccess(patient));
  yield* access;
  if (hasFailed(access)) return;
  const probe = await createProbe(patient, {
    partSize: PROBE_PART,
    partCount: PROBE_PARTS,
    keeps: "count",
  });
  if (!isProbe(probe)) return yield cannotWrite(probe);
  yield ok("upload", "an upload can be begun");
  yield* examineBytes(patient, probe);
  yield* await attempt("direct", () => checkDirect(patient));
  yield* await attempt("body", () => checkBodies(patient));
  yield* await attempt("resumption", () => checkResumption(patient));
}

async function* examineBytes(patient: Patient, probe: Probe): AsyncGenerator<Finding> {
  let isWhole = false;
  try {
    const slow = await attempt("request-buffering", () => checkRequestBuffering(patient, probe));
    yield* slow;
    yield* await attempt("answer-buffering", () => checkAnswerBuffering(patient, probe));
    const last = await attempt("interim", () => checkInterim(patient, probe));
    yield* last;
    isWhole = !hasFailed([...slow, ...last]);
    if (isWhole) yield* await attempt("ranges", () => checkRanges(patient, probe));
    else yield skip("ranges", "there is no file to read");
  } finally {
    if (!isWhole) await abortProbe(patient, probe).catch(() => undefined);
  }
}

/** What a check throws is a finding too. */
async function attempt(
  check: string,
  work: () => Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return [await work()].flat();
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return [
      fail(check, error.message, "The connection fails where it should not.", {
        other: "Look at the logs of whatever stands in between, and of the server.",
      }),
    ];
  }
}

/** Asks for what nobody has: whoever is let in hears that there is no such upload. */
async function checkAccess(patient: Patient): Promise<Finding> {
  const id = encodeId(randomBytes(ID_BYTES));
  const answer = await exchange(patient, { method: "GET", path: `/v1/uploads/${id}` });
  const code = memberOf(answer, "code");
  if (code === "upload_not_found") {
    return ok("auth", patient.token === undefined ? "no token is asked for" : "the token is good");
  }
  const what =
    patient.token === undefined
      ? "the server asks for a token"
      : `the token is refused (${answer.status})`;
  return fail("auth", what, "Nothing but this examination's first half works.", {
    nginx: "proxy_set_header Authorization $http_authorization;",
    other:
      "Put the token into HOLDFAST_TOKEN or name its file with --token-file; holdfast token list (on the server) says which are good.",
  });
}

function cannotWrite(answer: Answer): Finding {
  const code = memberOf(answer, "code");
  const why = typeof code === "string" ? code : `status ${answer.status}`;
  const hint = memberOf(answer, "hint");
  return fail("upload", `no upload can be begun (${why})`, "Downloads may work, uploads do not.", {
    other: typeof hint === "string" ? hint : "Look at the server's log.",
  });
}
