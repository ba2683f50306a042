// Whether downloads can be resumed and checked on this way: ranges, entity tags, bytes that nobody encodes anew.
import { equalBytes } from "@holdfast/protocol";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { type Answer, exchange, isHoldfast, memberOf, type Patient } from "./patient.ts";
import { type Probe, probeBytes } from "./probe.ts";

const START = 1000;
const END = 3000;

/** Completes the probe, reads a range of the file, removes the file. */
export async function checkRanges(patient: Patient, probe: Probe): Promise<readonly Finding[]> {
  const completed = await exchange(patient, {
    method: "POST",
    path: `${probe.path}/complete`,
    headers: { "content-type": "application/json" },
    body: Buffer.from("{}"),
  });
  const file = memberOf(completed, "file");
  const members = new Map<string, unknown>(
    Object.entries(typeof file === "object" && file !== null ? file : {}),
  );
  const [id, root] = [members.get("id"), members.get("root")];
  if (completed.status !== 200 || typeof id !== "string" || typeof root !== "string") {
    const what = `the probe could not be completed (${completed.status})`;
    return [
      fail("ranges", what, "No file comes of an upload.", { other: "Look at the server's log." }),
    ];
  }
  const path = `/v1/files/${id}`;
  const answer = await exchange(patient, {
    method: "GET",
    path,
    headers: { range: `bytes=${START}-${END - 1}`, "accept-encoding": "gzip, identity" },
  });
  const findings = judgeRange(answer, root, probeBytes(probe, 0, 1).subarray(START, END));
  return [...findings, ...(await removeFile(patient, path))];
}

function judgeRange(answer: Answer, root: string, wanted: Uint8Array): readonly Finding[] {
  const { status, headers, body } = answer;
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return [
      fail(
        "ranges",
        `something encodes the bytes anew (${encoding})`,
        "Downloads cannot be checked or resumed.",
        {
          nginx: "gzip off;",
          caddy: "remove encode from this site",
          other: "Turn compression off on the way: the bytes are the file's own.",
        },
      ),
    ];
  }
  if (status !== 206 || !equalBytes(body, wanted)) {
    const meaning = "A download that was cut begins again, and none goes over several connections.";
    return [
      warn("ranges", `a range is answered with ${status}, ${body.length} bytes`, meaning, {
        nginx: "proxy_force_ranges off; proxy_cache off; proxy_set_header Range $http_range;",
        other: "Let whatever stands in between pass Range and Content-Range on.",
      }),
    ];
  }
  if (headers.etag !== `"${root}"`) {
    return [
      warn(
        "ranges",
        "the entity tag does not arrive as it was sent",
        "A download cannot be pinned to one version.",
        {
          nginx: "gzip off; etag on;",
          other: "Let whatever stands in between pass ETag on.",
        },
      ),
    ];
  }
  return [ok("ranges", "ranges arrive, with the file's entity tag, as they are")];
}

async function removeFile(patient: Patient, path: string): Promise<readonly Finding[]> {
  const answer = await exchange(patient, { method: "DELETE", path });
  if (answer.status === 204) return [];
  const meaning = `A small file stays at ${path}.`;
  if (isHoldfast(answer)) {
    return [
      warn("clean-up", `the probe is not removed (${answer.status})`, meaning, {
        other: "Use a token that may write, and a server that removes files; then: holdfast rm",
      }),
    ];
  }
  return [
    warn("clean-up", `something on the way answers DELETE with ${answer.status}`, meaning, {
      nginx: "remove limit_except from this location",
      other: "Let DELETE pass; then: holdfast rm",
    }),
  ];
}
