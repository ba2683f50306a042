// Whether something on the way keeps bytes back: bodies until they are whole, answers until there are many.
import type { ClientRequest } from "node:http";
import { type Finding, fail, ok, skip, warn } from "./finding.ts";
import { type Answer, exchange, isHoldfast, type Patient } from "./patient.ts";
import { committedOf, type Probe, probeBytes, probeRun } from "./probe.ts";

const WAIT_MS = 4_000;
/** Bytes a millisecond that any line has: a part takes that much longer to get there. */
const RATE_MIN = 256;
const LOOK_MS = 100;

/** Sends a run, stops after its first part, and looks whether the server has that. */
export async function checkRequestBuffering(patient: Patient, probe: Probe): Promise<Finding> {
  const waitMs = WAIT_MS + probe.partSize / RATE_MIN;
  let arrivedMs: number | undefined;
  const send = async (sent: ClientRequest): Promise<void> => {
    const startedAt = performance.now();
    sent.write(probeBytes(probe, 0, 1));
    while (arrivedMs === undefined && performance.now() - startedAt < waitMs) {
      await pause(LOOK_MS);
      if ((await committedOf(patient, probe)) > 0) arrivedMs = performance.now() - startedAt;
    }
    sent.end(probeBytes(probe, 1, 2));
  };
  const answer = await exchange(patient, { ...probeRun(probe, 0, 2), send });
  if (answer.status !== 200) return refused(answer);
  if (arrivedMs !== undefined) {
    return ok(
      "request-buffering",
      `bytes reach the server while they are sent (${Math.round(arrivedMs)} ms until they are kept)`,
    );
  }
  const meaning =
    "A cut costs everything that was on its way, and what is shown as progress is the proxy's, not the server's.";
  return warn("request-buffering", "a body is kept back until it is whole", meaning, {
    // Without its mark it would be sent interim responses, and takes them for answers.
    nginx:
      "proxy_request_buffering off; proxy_http_version 1.1; proxy_set_header X-Forwarded-For $remote_addr;",
    caddy: "remove request_buffers from reverse_proxy",
    other: "Let whatever stands in between pass bodies on as they come.",
  });
}

function refused(answer: Answer): Finding {
  const who = isHoldfast(answer) ? "the server" : "something on the way";
  const what = `${who} answers ${answer.status} to a body of two small parts`;
  return fail("request-buffering", what, "No part passes: uploads cannot work.", {
    nginx: "proxy_request_buffering off; client_max_body_size 0;",
    other: "Look at the logs of whatever stands in between, and of the server.",
  });
}

/** Asks for the upload's events, the first of which tells the present: it comes at once, or it is kept back. */
export async function checkAnswerBuffering(patient: Patient, probe: Probe): Promise<Finding> {
  const startedAt = performance.now();
  let firstMs: number | undefined;
  const onPiece = (): boolean => {
    firstMs ??= performance.now() - startedAt;
    return true;
  };
  const path = `${probe.path}/events`;
  try {
    const answer = await exchange(patient, { method: "GET", path, onPiece, timeoutMs: WAIT_MS });
    if (answer.status === 200 && firstMs !== undefined) {
      return ok("answer-buffering", `events come as they happen (${Math.round(firstMs)} ms)`);
    }
    if (isHoldfast(answer)) return skip("answer-buffering", "this server has no events");
  } catch {
    // No first event in time is what is told below.
  }
  const meaning = "Pages see progress late or never; downloads are not harmed.";
  return warn("answer-buffering", "events are kept back", meaning, {
    nginx: "proxy_buffering off;",
    caddy: "reverse_proxy { flush_interval -1 }",
    other: "Let whatever stands in between pass answers on as they come.",
  });
}

/** Asks before it sends the body, and looks whether the answer to that comes back. */
export async function checkInterim(patient: Patient, probe: Probe): Promise<Finding> {
  let isContinued = false;
  const run = probeRun(probe, 2, 3);
  const send = async (sent: ClientRequest): Promise<void> => {
    sent.once("continue", () => {
      isContinued = true;
    });
    sent.flushHeaders();
    for (const end = performance.now() + WAIT_MS / 2; !isContinued && performance.now() < end; ) {
      await pause(LOOK_MS / 4);
    }
    sent.end(probeBytes(probe, 2, 3));
  };
  const headers = { ...run.headers, expect: "100-continue" };
  const answer = await exchange(patient, { ...run, headers, send });
  if (isContinued && answer.status === 200) return ok("interim", "100 Continue passes");
  const meaning = "A refusal is heard only after the body was sent: that costs time, nothing else.";
  return warn("interim", "100 Continue does not come back", meaning, {
    other: "Let whatever stands in between pass 1xx answers on.",
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
