// The store as clients and pages meet it: without credentials, by signed requests only.
import { SENT } from "./cors-rules.ts";
import type { ProbeClient } from "./probe.ts";

const ANSWER_MS = 10_000;

export const plainClient: ProbeClient = {
  async send({ url, headers }, body) {
    const init = { method: "PUT", headers, body: new Uint8Array(body) };
    return (await ask(url, init)).status;
  },
  async lets(url, origin) {
    const headers = {
      origin,
      "access-control-request-method": "PUT",
      "access-control-request-headers": SENT.join(", "),
    };
    const answer = await ask(url, { method: "OPTIONS", headers });
    const allowed = answer.headers.get("access-control-allow-origin");
    return answer.ok && (allowed === "*" || allowed === origin);
  },
};

async function ask(url: string, init: RequestInit): Promise<Response> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  const response = await fetch(url, { ...init, redirect: "manual", signal });
  await response.arrayBuffer();
  return response;
}
