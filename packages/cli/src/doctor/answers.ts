// What answers: Holdfast or something else, in which version of HTTP, how fast, by which clock.
import type { Finding } from "./finding.ts";
import { fail, ok, warn } from "./finding.ts";
import { type Answer, exchange, isHoldfast, memberOf, type Patient } from "./patient.ts";

const TRIES = 5;
const SKEW_MS_MAX = 60_000;

export async function checkAnswers(patient: Patient): Promise<readonly Finding[]> {
  const first = await exchange(patient, { method: "GET", path: "/livez" });
  if (!isHoldfast(first)) return [stranger(first)];
  const version = String(first.headers["holdfast-version"]);
  const findings = [ok("holdfast", `it answers, version ${version} of the protocol`)];
  if (version !== "1") return [...findings, newer(version)];
  findings.push(judgeHttp(first), judgeClock(first, Date.now()));
  findings.push(...(await checkPace(patient)), await checkReady(patient));
  return findings;
}

function stranger({ status, headers }: Answer): Finding {
  const who = headers["server"] ? ` (${headers["server"]})` : "";
  const what = `something else answers with ${status}${who}`;
  const location = headers["location"];
  if (location !== undefined) {
    return fail("holdfast", what, "No redirect is followed: it could lead a token elsewhere.", {
      other: `Give the address that it leads to: ${location}`,
    });
  }
  const meaning =
    status >= 500
      ? "A proxy is there, but not the server behind it."
      : "It is no Holdfast server, or not at this path.";
  return fail("holdfast", what, meaning, {
    nginx: "location / { proxy_pass http://127.0.0.1:8420; }",
    caddy: "reverse_proxy 127.0.0.1:8420",
    other: "Check the address; start the server; look whether a proxy strips response headers.",
  });
}

function newer(version: string): Finding {
  return fail(
    "version",
    `this program speaks version 1, not ${version}`,
    "They do not understand each other.",
    {
      other: "Install a newer holdfast here.",
    },
  );
}

function judgeHttp({ httpVersion }: Answer): Finding {
  if (httpVersion === "1.1") return ok("http", "HTTP/1.1");
  return warn("http", `HTTP/${httpVersion}`, "Every request needs a connection of its own.", {
    nginx: 'proxy_http_version 1.1; proxy_set_header Connection "";',
    other: "Let whatever stands in between speak HTTP/1.1 on both sides.",
  });
}

function judgeClock({ headers, headMs }: Answer, now: number): Finding {
  const told = Date.parse(headers["date"] ?? "");
  if (Number.isNaN(told)) {
    return warn("clock", "the answer has no date", "Whether the clocks agree cannot be seen.", {
      other: "Let whatever stands in between pass the Date header on.",
    });
  }
  // It counts whole seconds, and was written somewhere on the way of the answer.
  const skew = told + 500 - (now - headMs / 2);
  if (Math.abs(skew) <= SKEW_MS_MAX)
    return ok(
      "clock",
      `both clocks agree within ${Math.max(1, Math.round(Math.abs(skew) / 1000))} s`,
    );
  const seconds = Math.round(Math.abs(skew) / 1000);
  const what = `the server's clock is ${seconds} s ${skew > 0 ? "ahead" : "behind"}`;
  return warn("clock", what, "Signed links and tokens end too early or too late.", {
    other: "Keep both clocks by NTP: timedatectl set-ntp true",
  });
}

/** Several in a row over one connection, if the other side keeps it. */
async function checkPace(patient: Patient): Promise<readonly Finding[]> {
  const answers: Answer[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    answers.push(await exchange(patient, { method: "GET", path: "/livez" }));
  }
  const times = answers.map(({ headMs }) => headMs).toSorted((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const findings = [
    ok("latency", `${median.toFixed(median < 10 ? 1 : 0)} ms for an answer (median of ${TRIES})`),
  ];
  if (answers.some(({ isReused }) => isReused)) return findings;
  const meaning = "Each of them begins with the delay of a new one.";
  findings.push(
    warn("connections", "no connection is kept for a second request", meaning, {
      nginx: 'keepalive_timeout 75s; proxy_http_version 1.1; proxy_set_header Connection "";',
      other: "Let whatever stands in between keep idle connections.",
    }),
  );
  return findings;
}

async function checkReady(patient: Patient): Promise<Finding> {
  const answer = await exchange(patient, { method: "GET", path: "/readyz" });
  if (answer.status === 200) return ok("ready", "it wants work");
  const reasons = memberOf(answer, "reasons");
  const why = Array.isArray(reasons) ? reasons.join(", ") : `status ${answer.status}`;
  return warn("ready", `it does not want work now: ${why}`, "New uploads wait or are refused.", {
    other: "Look at the server's log, its disk, and whether it is shutting down.",
  });
}
