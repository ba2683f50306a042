// Whether clients of Resumable Uploads for HTTP hear the interim response that tells where their upload is (104), and whether something on the way breaks on it.
import type { IncomingHttpHeaders } from "node:http";
import { isHoldfastError } from "@holdfast/protocol";
import { type Finding, fail, ok, skip } from "./finding.ts";
import { type Answer, exchange, type Patient } from "./patient.ts";

const CHECK = "resumption";
const UPLOAD_RESUMPTION_SUPPORTED = 104;
/** An answer that something has lost never comes; one that is slow has come by then. */
const TIMEOUT_MS = 8_000;

/** The last of all checks: where a 104 is taken for an answer, answers are mixed up on that connection from then on. */
export async function checkResumption(patient: Patient): Promise<Finding> {
  let told: IncomingHttpHeaders | undefined;
  const onInterim = (status: number, headers: IncomingHttpHeaders): void => {
    if (status === UPLOAD_RESUMPTION_SUPPORTED) told = headers;
  };
  const headers = { "upload-draft-interop-version": "8", "upload-complete": "?0" };
  const create = { method: "POST", path: "/v1/files", headers, body: new Uint8Array() };
  try {
    const answer = await exchange(patient, { ...create, onInterim, timeoutMs: TIMEOUT_MS });
    await remove(patient, answer.headers.location ?? told?.location);
    return findingOf(answer, told !== undefined);
  } catch (error) {
    // Beyond a connection that has been put out of step nothing can be removed: what has no bytes expires.
    if (isHoldfastError(error)) return lost();
    throw error;
  }
}

function findingOf({ status }: Answer, isTold: boolean): Finding {
  if (status === UPLOAD_RESUMPTION_SUPPORTED) return lost();
  if (status !== 201) return skip(CHECK, `no upload can be begun by it (status ${status})`);
  return isTold
    ? ok(CHECK, "104 passes: clients of Resumable Uploads hear where their upload is")
    : skip(CHECK, "no 104 comes: none is sent through a proxy, or none at all (--interim)");
}

function lost(): Finding {
  const meaning =
    "Something takes it for the answer: clients of Resumable Uploads wait in vain, and others may be given an answer that is not theirs.";
  return fail(CHECK, "after a 104 no answer comes", meaning, {
    nginx: "proxy_set_header X-Forwarded-For $remote_addr;",
    other:
      "Let whatever stands in between leave its mark (X-Forwarded-For, Via), or start holdfast serve with --interim never.",
  });
}

async function remove(patient: Patient, location: string | undefined): Promise<void> {
  if (location === undefined) return;
  // As it came: below the base, whatever path that has.
  const path = new URL(location, patient.base).pathname;
  // On the same connection, where it can be: its answer is this one's, or the one before was not.
  await exchange(patient, { method: "DELETE", path, timeoutMs: TIMEOUT_MS });
}
