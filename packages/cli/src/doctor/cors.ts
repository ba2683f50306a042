// Whether pages of an origin may use the server from a browser.
import { type Finding, fail, ok, skip } from "./finding.ts";
import { exchange, type Patient } from "./patient.ts";

const METHODS = ["POST", "PUT", "PATCH", "DELETE"];
const HEADERS = [
  "authorization",
  "content-type",
  "content-digest",
  "part-digest",
  "holdfast-client",
];
const EXPOSED = ["holdfast-version", "location", "etag", "content-range"];

export async function checkCors(patient: Patient): Promise<Finding> {
  const { origin } = patient;
  if (origin === undefined)
    return skip("cors", "--origin https://page.example would ask for a page there");
  const missing: string[] = [];
  for (const method of METHODS) {
    const answer = await exchange(
      { ...patient, token: undefined },
      {
        method: "OPTIONS",
        path: pathFor(method),
        headers: {
          origin,
          "access-control-request-method": method,
          "access-control-request-headers": HEADERS.join(", "),
        },
      },
    );
    const allowed = answer.headers["access-control-allow-origin"];
    if (allowed !== origin && allowed !== "*") return closed(origin, allowed);
    const methods = listOf(answer.headers["access-control-allow-methods"]);
    const headers = listOf(answer.headers["access-control-allow-headers"]);
    if (!methods.includes(method.toLowerCase())) missing.push(method);
    missing.push(...HEADERS.filter((name) => !headers.includes(name)));
  }
  const plain = await exchange(patient, { method: "GET", path: "/livez", headers: { origin } });
  const exposed = listOf(plain.headers["access-control-expose-headers"]);
  missing.push(...EXPOSED.filter((name) => !exposed.includes(name)));
  if (missing.length === 0) return ok("cors", `pages of ${origin} may use it`);
  const what = `pages of ${origin} may come, but not with ${[...new Set(missing)].join(", ")}`;
  return fail("cors", what, "Uploads from these pages fail.", {
    other: "Let nothing on the way answer OPTIONS or set Access-Control headers: the server does.",
  });
}

/** An address that takes the method; whether there is such an upload, no preflight asks. */
function pathFor(method: string): string {
  const upload = `/v1/uploads/${"a".repeat(26)}`;
  if (method === "POST") return "/v1/uploads";
  return method === "PUT" ? `${upload}/parts/0` : upload;
}

function closed(origin: string, allowed: string | undefined): Finding {
  const what = `pages of ${origin} are not let in${allowed === undefined ? "" : ` (only ${allowed})`}`;
  return fail("cors", what, "Their browsers refuse to send anything.", {
    other: `holdfast serve --origins ${origin}`,
  });
}

function listOf(header: string | undefined): readonly string[] {
  return (header ?? "").split(",").map((word) => word.trim().toLowerCase());
}
