// What a bucket is set to: whether pages may send parts, and whether what nobody ends comes to an end.
import { lets } from "./cors-rules.ts";
import { type Explanation, explain } from "./explain.ts";
import { type Finding, limited, yes } from "./finding.ts";
import type { ProbeOptions } from "./probe.ts";

/** Where an origin is named, what its pages hear counts more than what the rules say. */
export async function lookAtCors(options: ProbeOptions): Promise<Finding> {
  const { origin } = options;
  const pages = origin === undefined ? "pages" : `pages of ${origin}`;
  const means = "Their uploads go through the server.";
  const page = origin ?? "https://page.example";
  const remedy = `holdfast storage init ... --origins ${page}`;
  const says = { yes: `${pages} may send parts`, no: `${pages} may not send parts` };
  const isLet = await isLetIn(options);
  if (isLet) return yes("cors", says.yes);
  try {
    const rules = (await options.calls.bucket.cors()) ?? [];
    if (!lets(rules, origin)) return limited("cors", { says: says.no, remedy }, means);
    if (isLet === undefined) return yes("cors", says.yes);
    const other =
      "Look again in a minute, for rules take a while; then at what stands before the store.";
    const why = { says: `${says.no}, although a rule lets them`, remedy: other };
    return limited("cors", why, means);
  } catch (error) {
    if (isLet === false) return limited("cors", { says: says.no, remedy }, means);
    return limited("cors", unknown(error), "Whether pages may send parts is not known.");
  }
}

/** Undefined where no origin is named, or nobody answers. */
async function isLetIn(options: ProbeOptions): Promise<boolean | undefined> {
  const { calls, client, prefix, name, origin } = options;
  if (origin === undefined) return undefined;
  const part = { key: `${prefix}probe/${name}`, uploadId: name, number: 1, size: 1, expiresIn: 60 };
  try {
    const { url } = await calls.multipart.sign({ ...part, sha256: new Uint8Array(32) });
    return await client.lets(url, origin);
  } catch {
    return undefined;
  }
}

/** An upload that has not been completed by then is lost. */
const DAYS_MIN = 2;

export async function lookAtLifecycle({ calls, prefix }: ProbeOptions): Promise<Finding> {
  const what = "lifecycle";
  const remedy = "holdfast storage init ...";
  try {
    const days = await calls.bucket.stageDays(prefix);
    if (days === undefined) {
      const means = "Parts that a crash leaves behind, and that nobody finds, stay and cost.";
      return limited(what, { says: "no rule ends multipart uploads", remedy }, means);
    }
    const says = `a rule ends multipart uploads ${days === 1 ? "a day" : `${days} days`} after their beginning`;
    if (days >= DAYS_MIN) return yes(what, says);
    const means = "Uploads that take longer are lost, also while they are going on.";
    return limited(what, { says, remedy: "Give that rule more days." }, means);
  } catch (error) {
    return limited(what, unknown(error), "Whether such a rule is there is not known.");
  }
}

/** These rights serve to look, not to work. */
function unknown(error: unknown): Explanation {
  const { says } = explain(error);
  const remedy = "Look with credentials that may read the bucket's settings.";
  return { says, remedy };
}
